#include "dataplane/replay/capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETH_HEADER 14
#define FRAME_MAX  (262144 + 64) /* libpcap's own bound of a packet */

#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd

struct mw_capture {
	pcap_t *pcap;
	int link;
	uint8_t frame[FRAME_MAX];
};

static bool link_known(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_PPP:
	case DLT_PPP_SERIAL:
		return true;
	default:
		return false;
	}
}

struct mw_capture *mw_capture_open(const char *path, char *error, size_t error_size)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	struct mw_capture *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	c->pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	if (c->pcap == NULL) {
		/* Some of libpcap's sentences begin with the path, some do not. */
		if (strncmp(why, path, strlen(path)) == 0)
			snprintf(error, error_size, "%s", why);
		else
			snprintf(error, error_size, "%s: %s", path, why);
		free(c);
		return NULL;
	}
	c->link = pcap_datalink(c->pcap);
	if (!link_known(c->link)) {
		const char *name = pcap_datalink_val_to_name(c->link);

		snprintf(error, error_size,
			"%s: link type %d (%s) is not known here; Ethernet, NULL, LOOP, RAW, IPV4, "
			"IPV6, LINUX_SLL, LINUX_SLL2 and PPP are",
			path, c->link, name != NULL ? name : "unnamed");
		mw_capture_close(c);
		return NULL;
	}
	return c;
}

void mw_capture_close(struct mw_capture *c)
{
	pcap_close(c->pcap);
	free(c);
}

static uint16_t type_of_family(uint32_t family)
{
	switch (family) {
	case 2: /* AF_INET everywhere */
		return TYPE_IPV4;
	case 10: /* AF_INET6 of Linux, the BSDs, FreeBSD, Darwin */
	case 24:
	case 28:
	case 30:
		return TYPE_IPV6;
	default:
		return 0;
	}
}

/* How many octets stand in front of the network packet, and what Ethernet would call that. */
static uint32_t network(int link, const uint8_t *p, uint32_t len, uint16_t *type)
{
	uint32_t family = 0, at = 0;

	*type = 0;
	switch (link) {
	case DLT_NULL: /* in the byte order of the machine that captured: it is a small number */
	case DLT_LOOP:
		if (len < 4)
			return len;
		family = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			 (uint32_t)p[3] << 24;
		if (family > 0xffff)
			family = (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16;
		*type = type_of_family(family);
		return 4;
	case DLT_LINUX_SLL:
		if (len < 16)
			return len;
		*type = (uint16_t)(p[14] << 8 | p[15]);
		return 16;
	case DLT_LINUX_SLL2:
		if (len < 20)
			return len;
		*type = (uint16_t)(p[0] << 8 | p[1]);
		return 20;
	case DLT_PPP:
	case DLT_PPP_SERIAL:
		if (len >= 2 && p[0] == 0xff && p[1] == 0x03)
			at = 2;
		if (len < at + 2)
			return len;
		if (p[at] == 0x00 && p[at + 1] == 0x21)
			*type = TYPE_IPV4;
		else if (p[at] == 0x00 && p[at + 1] == 0x57)
			*type = TYPE_IPV6;
		return at + 2;
	default: /* RAW, IPV4, IPV6: the version says it */
		if (len > 0)
			*type = p[0] >> 4 == 4 ? TYPE_IPV4 : p[0] >> 4 == 6 ? TYPE_IPV6 : 0;
		return 0;
	}
}

static void to_ethernet(struct mw_capture *c, const uint8_t *p, uint32_t len, uint32_t wire_len,
	struct mw_capture_frame *out)
{
	uint16_t type;
	uint32_t skip;

	if (len > FRAME_MAX - ETH_HEADER)
		len = FRAME_MAX - ETH_HEADER;
	out->data = c->frame;
	if (c->link == DLT_EN10MB) {
		memcpy(c->frame, p, len);
		out->len = len;
		out->wire_len = wire_len;
		return;
	}
	skip = network(c->link, p, len, &type);
	memset(c->frame, 0, 12);
	c->frame[12] = (uint8_t)(type >> 8);
	c->frame[13] = (uint8_t)type;
	memcpy(c->frame + ETH_HEADER, p + skip, len - skip);
	out->len = len - skip + ETH_HEADER;
	out->wire_len = wire_len - skip + ETH_HEADER;
}

int mw_capture_next(
	struct mw_capture *c, struct mw_capture_frame *frame, char *error, size_t error_size)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int rc = pcap_next_ex(c->pcap, &header, &data);

	if (rc == PCAP_ERROR_BREAK)
		return 0;
	if (rc != 1) {
		const char *why = pcap_geterr(c->pcap);

		/* libpcap has one link type for all of a capture. */
		snprintf(error, error_size, "%s: %s",
			strstr(why, "different from the type of the first interface") != NULL
				? "the capture goes on with another link type, which is not read"
				: "the capture is damaged or ends in mid-record",
			why);
		return -1;
	}
	frame->time_ns = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec;
	frame->captured = header->caplen;
	to_ethernet(c, data, header->caplen,
		header->len < header->caplen ? header->caplen : header->len, frame);
	return 1;
}
