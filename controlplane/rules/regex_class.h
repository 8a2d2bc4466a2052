/* Classes of octets in regular expressions: escapes and bracket expressions. For regex_tree.c. */
#ifndef MW_CONTROLPLANE_RULES_REGEX_CLASS_H
#define MW_CONTROLPLANE_RULES_REGEX_CLASS_H

#include "controlplane/rules/regex_tree.h"

/* `\d` and its like by their letter. False when the letter names no class. */
bool mw_rx_shorthand(uint8_t letter, struct mw_octets *out);
/* `\n`, `\x41`, `\x{41}`, `\012`, `\cA`: `at` stands behind the backslash and moves behind the
 * escape. False when it stands for no single octet. */
bool mw_rx_octet_escape(const uint8_t **at, const uint8_t *end, uint8_t *out);
/* `[...]`: `at` stands behind the `[` and moves behind the `]`. *exact is cleared when the set is
 * more than was written. False: cannot be read. */
bool mw_rx_bracket(
	const uint8_t **at, const uint8_t *end, bool caseless, struct mw_octets *out, bool *exact);
void mw_rx_fold(struct mw_octets *set); /* adds the other case of each ASCII letter */
void mw_octets_invert(struct mw_octets *set);

#endif
