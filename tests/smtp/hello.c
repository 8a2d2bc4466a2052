#include "tests/smtp/hello.h"

static void put(struct hello *h, const void *data, size_t len)
{
	if (len > 0)
		memcpy(h->octets + h->len, data, len);
	h->len += len;
}

static void number(struct hello *h, size_t value, int width)
{
	while (width-- > 0) {
		uint8_t c = (uint8_t)(value >> (8 * width));

		put(h, &c, 1);
	}
}

static void fill(struct hello *h, size_t n)
{
	for (size_t i = 0; i < n; i++)
		number(h, i * 7 + 3, 1);
}

static void names(struct hello *h, const struct hello_wish *wish)
{
	size_t len = wish->name_len != 0  ? wish->name_len
		     : wish->name != NULL ? strlen(wish->name)
					  : 0;

	if (wish->name == NULL)
		return;
	number(h, 0, 2); /* server_name */
	number(h, len + 5, 2);
	number(h, len + 3, 2);
	number(h, 0, 1);
	number(h, len, 2);
	put(h, wish->name, len);
}

void hello_message(struct hello *out, const struct hello_wish *wish)
{
	static struct hello e;

	out->len = e.len = 0;
	if (wish->padding > 0) {
		number(&e, 21, 2);
		number(&e, wish->padding, 2);
		fill(&e, wish->padding);
	}
	if (!wish->names_last)
		names(&e, wish);
	if (wish->versions != NULL) {
		number(&e, 43, 2);
		number(&e, wish->versions_len + 1, 2);
		number(&e, wish->versions_len, 1);
		put(&e, wish->versions, wish->versions_len);
	}
	if (wish->names_last)
		names(&e, wish);
	number(out, 1, 1);
	number(out, 2 + 32 + 33 + 6 + 2 + (wish->no_extensions ? 0 : 2 + e.len), 3);
	number(out, wish->legacy != 0 ? wish->legacy : 0x0303, 2);
	fill(out, 32);
	number(out, 32, 1);
	fill(out, 32);
	number(out, 4, 2);
	fill(out, 4);
	number(out, 1, 1);
	number(out, 0, 1);
	if (wish->no_extensions)
		return;
	number(out, e.len, 2);
	put(out, e.octets, e.len);
}

void hello_records(struct hello *out, const struct hello *message, size_t most)
{
	out->len = 0;
	for (size_t at = 0; at < message->len;) {
		size_t len = message->len - at < most ? message->len - at : most;

		number(out, 0x160301, 3);
		number(out, len, 2);
		put(out, message->octets + at, len);
		at += len;
	}
}
