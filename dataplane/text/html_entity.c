/*
 * Entities, named and numeric, cut anywhere, in text and in attribute values.
 */
#include "dataplane/text/html_state.h"

#include "dataplane/text/entities.h"
#include "dataplane/text/utf8.h"

/* Puts octets where an entity's text goes. */
static void put_back(struct mw_html *h, const void *data, size_t len)
{
	if (h->back == VALUE_QUOTED || h->back == VALUE_BARE)
		mw_html_keep_value(h, data, len);
	else
		put_text(h, data, len);
}

static void put_character(struct mw_html *h, uint32_t code)
{
	uint8_t out[MW_UTF8_MAX];

	put_back(h, out, mw_utf8_put(code, out));
}

void mw_html_begin_entity(struct mw_html *h)
{
	h->back = h->state;
	h->state = ENTITY;
	h->entity_len = 0;
	h->number = 0;
}

/* The name ended (`closed`: by a semicolon): its character, or the octets as they stand. */
static void end_entity(struct mw_html *h, bool closed)
{
	uint32_t code = mw_entity_find(h->entity, h->entity_len, closed);

	h->state = h->back;
	/* "&nbsp;" is a blank, in links too, where people pad addresses with it. */
	if (code == 0xa0 && closed)
		code = ' ';
	if (code != 0) {
		put_character(h, code);
		return;
	}
	put_back(h, "&", 1);
	put_back(h, h->entity, h->entity_len);
	if (closed)
		put_back(h, ";", 1);
}

static void add_digit(struct mw_html *h, uint32_t base, uint32_t digit)
{
	h->number = h->number * base + digit;
	if (h->number > 0x110000)
		h->number = 0x110000; /* too large for good */
}

/* Entity states take one octet; false: it was not theirs, and they have ended. */
bool mw_html_entity_octet(struct mw_html *h, uint8_t b)
{
	uint8_t l = lower(b);

	switch (h->state) {
	case ENTITY:
		if (b == '#' && h->entity_len == 0) {
			h->state = ENTITY_HASH;
			return true;
		}
		if ((is_letter(b) || is_digit(b)) && h->entity_len < MW_HTML_ENTITY_MAX) {
			h->entity[h->entity_len++] = (char)b;
			return true;
		}
		end_entity(h, b == ';');
		return b == ';';
	case ENTITY_HASH:
		if (l == 'x') {
			h->entity[0] = (char)b;
			h->state = ENTITY_HEX_FIRST;
			return true;
		}
		if (is_digit(b)) {
			h->state = ENTITY_DECIMAL;
			add_digit(h, 10, (uint32_t)(b - '0'));
			return true;
		}
		h->state = h->back;
		put_back(h, "&#", 2);
		return false;
	case ENTITY_HEX_FIRST:
	case ENTITY_HEX:
		if (is_digit(b) || (l >= 'a' && l <= 'f')) {
			h->state = ENTITY_HEX;
			add_digit(h, 16,
				is_digit(b) ? (uint32_t)(b - '0') : (uint32_t)(l - 'a' + 10));
			return true;
		}
		if (h->state == ENTITY_HEX_FIRST) {
			h->state = h->back;
			put_back(h, "&#", 2);
			put_back(h, h->entity, 1);
			return false;
		}
		break;
	default: /* ENTITY_DECIMAL */
		if (is_digit(b)) {
			add_digit(h, 10, (uint32_t)(b - '0'));
			return true;
		}
		break;
	}
	h->state = h->back;
	put_character(h, mw_entity_number(h->number));
	return b == ';';
}
