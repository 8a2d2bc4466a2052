#include "dataplane/gateway/link.h"

#include "common/base/cursor.h"
#include "dataplane/proto/layer2.h"

#define ETHERTYPE_VLAN 0x8100
#define UNTAGGED       14
#define TAGGED	       18

bool mw_link_read(const uint8_t *data, uint32_t len, uint16_t vlan, struct mw_link_frame *out)
{
	struct mw_layer2 l2;

	if (mw_layer2_parse(data, len, &l2) == MW_LAYER2_DEEP)
		return false;
	/* Of what is not IP the walk says where it stopped: behind the last Ethertype it knew. */
	if (l2.pppoe != 0 || l2.labels != 0 || l2.vlan_outer != vlan ||
		(l2.l3 != UNTAGGED && l2.l3 != TAGGED))
		return false;
	/* Tags of the kinds that others came to use are not the settings' tag. */
	if (l2.l3 == TAGGED && (data[12] << 8 | data[13]) != ETHERTYPE_VLAN)
		return false;
	out->to = data;
	out->from = data + 6;
	out->type = (uint16_t)(data[l2.l3 - 2] << 8 | data[l2.l3 - 1]);
	out->octets = data + l2.l3;
	out->len = len - l2.l3;
	return true;
}

uint32_t mw_link_write(
	uint8_t *out, const uint8_t to[6], const uint8_t from[6], uint16_t vlan, uint16_t type)
{
	struct mw_writer w = mw_writer_of(out, MW_LINK_HEADER_MAX);

	mw_write_octets(&w, to, 6);
	mw_write_octets(&w, from, 6);
	if (vlan != 0) {
		mw_write_u16(&w, ETHERTYPE_VLAN);
		mw_write_u16(&w, vlan);
	}
	mw_write_u16(&w, type);
	return (uint32_t)mw_writer_len(&w);
}

uint32_t mw_link_pad(uint8_t *out, uint32_t len)
{
	if (len >= MW_LINK_FRAME_MIN)
		return len;
	memset(out + len, 0, MW_LINK_FRAME_MIN - len);
	return MW_LINK_FRAME_MIN;
}
