/*
 * What lies between the MAC addresses and the IP header: VLAN tags, a PPPoE session, MPLS labels.
 * The one walk over it, for whoever needs the place of the IP header or of something in front of
 * it. Reads only. Called by frame.c, segment.c, checksum.c and fragment.c.
 *
 *   Ethernet, up to 4 tags (TPID 8100, 88a8, 9100, 9200, 9300 in any order), then one of
 *     IP
 *     PPPoE session (RFC 2516), then IP or labels
 *     up to 8 MPLS labels (RFC 3032), then IP
 */
#ifndef MW_DATAPLANE_PROTO_LAYER2_H
#define MW_DATAPLANE_PROTO_LAYER2_H

#include <stdbool.h>
#include <stdint.h>

#define MW_VLAN_TAGS_MAX   4
#define MW_MPLS_LABELS_MAX 8

/* MACs and Ethertype, tags, PPPoE, labels: the longest stack that is followed. */
#define MW_L2_MAX (14 + 4 * MW_VLAN_TAGS_MAX + 8 + 4 * MW_MPLS_LABELS_MAX)

enum mw_layer2_kind {
	MW_LAYER2_OTHER, /* no IP that could be found */
	MW_LAYER2_DEEP,	 /* more tags or labels than are followed */
	MW_LAYER2_IPV4,
	MW_LAYER2_IPV6,
};

struct mw_layer2 {
	uint16_t l3;	 /* offset of the IP header */
	uint16_t pppoe;	 /* offset of the PPPoE header; 0: none */
	uint16_t labels; /* offset of the first label; 0: none */
	/* Identifiers of the first two tags that name a VLAN; 0: no such tag. */
	uint16_t vlan_outer, vlan_inner;
};

/* `out` is filled as far as the walk came. */
enum mw_layer2_kind mw_layer2_parse(const uint8_t *data, uint32_t len, struct mw_layer2 *out);

/* Makes the lengths in front of an IP packet of `ip_len` octets good again, where there is one:
 * PPPoE's (RFC 2516, 4). `data` has at least the `l3` octets that one of our parses has seen. */
void mw_layer2_set_length(uint8_t *data, uint32_t l3, uint32_t ip_len);

/* The same for the IP packet that lies there, by its own length. */
void mw_layer2_fit(uint8_t *data, uint32_t l3, bool v6);

/* The same frame's way back has no labels: they mean something in one direction only (RFC 3031,
 * 3.1). Copies the layer 2 header without them; octets written, at most l2->l3. */
uint32_t mw_layer2_without_labels(
	const uint8_t *data, const struct mw_layer2 *l2, bool v6, uint8_t *out);

#endif
