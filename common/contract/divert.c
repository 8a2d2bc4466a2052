#include "common/contract/divert.h"

#include <errno.h>

#include "common/contract/wire.h"

#define CHECK_MS_MAX 3600000u

/* Name and code on the wire; codes are never reused. */
static const struct {
	const char *name;
	uint8_t code;
} fallbacks[MW_DIVERT_FALLBACK_COUNT] = {
	[MW_DIVERT_PASS] = {"pass", 1},
	[MW_DIVERT_LATER] = {"later", 2},
	[MW_DIVERT_REFUSE] = {"refuse", 3},
};

const char *mw_divert_fallback_name(enum mw_divert_fallback fallback)
{
	return (unsigned)fallback < MW_DIVERT_FALLBACK_COUNT ? fallbacks[fallback].name : "invalid";
}

int mw_divert_fallback_parse(const char *name, enum mw_divert_fallback *out)
{
	for (unsigned i = 0; i < MW_DIVERT_FALLBACK_COUNT; i++)
		if (strcmp(name, fallbacks[i].name) == 0) {
			*out = (enum mw_divert_fallback)i;
			return 0;
		}
	return -EINVAL;
}

static bool is_given(const struct mw_ip *ip)
{
	return !mw_ip_is_none(ip);
}

bool mw_divert_configured(const struct mw_divert_settings *d)
{
	return is_given(&d->gateway_v4) || is_given(&d->gateway_v6);
}

/* Each of the family its name says, and both ends or neither. */
static bool addresses_valid(const struct mw_divert_settings *d)
{
	if (is_given(&d->gateway_v4) != is_given(&d->address_v4) ||
		is_given(&d->gateway_v6) != is_given(&d->address_v6))
		return false;
	if (is_given(&d->gateway_v4) &&
		(!mw_ip_is_v4(&d->gateway_v4) || !mw_ip_is_v4(&d->address_v4) ||
			mw_ip_eq(&d->gateway_v4, &d->address_v4)))
		return false;
	return !is_given(&d->gateway_v6) ||
	       (!mw_ip_is_v4(&d->gateway_v6) && !mw_ip_is_v4(&d->address_v6) &&
		       !mw_ip_eq(&d->gateway_v6, &d->address_v6));
}

static bool is_valid(const struct mw_divert_settings *d)
{
	if ((unsigned)d->fallback >= MW_DIVERT_FALLBACK_COUNT || d->vlan > 4094 ||
		(d->mac[0] & 1) != 0 || !addresses_valid(d))
		return false;
	return !mw_divert_configured(d) ||
	       (d->check_every_ms > 0 && d->check_every_ms <= CHECK_MS_MAX &&
		       d->check_timeout_ms > 0 && d->check_timeout_ms <= d->check_every_ms &&
		       d->fall > 0 && d->rise > 0);
}

void mw_divert_write(struct mw_writer *w, const struct mw_divert_settings *d)
{
	if (!is_valid(d)) {
		w->failed = true;
		return;
	}
	mw_wire_write_ip(w, &d->gateway_v4);
	mw_wire_write_ip(w, &d->gateway_v6);
	mw_wire_write_ip(w, &d->address_v4);
	mw_wire_write_ip(w, &d->address_v6);
	for (unsigned i = 0; i < sizeof(d->mac); i++)
		mw_write_u8(w, d->mac[i]);
	mw_write_u16(w, d->vlan);
	mw_write_u8(w, fallbacks[d->fallback].code);
	mw_write_u16(w, d->check_port);
	mw_write_u32(w, d->check_every_ms);
	mw_write_u32(w, d->check_timeout_ms);
	mw_write_u8(w, d->fall);
	mw_write_u8(w, d->rise);
}

static enum mw_divert_fallback read_fallback(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < MW_DIVERT_FALLBACK_COUNT; i++)
		if (fallbacks[i].code == code)
			return (enum mw_divert_fallback)i;
	r->failed = true;
	return MW_DIVERT_PASS;
}

void mw_divert_read(struct mw_reader *r, struct mw_divert_settings *out)
{
	*out = (struct mw_divert_settings){.vlan = 0};
	mw_wire_read_ip(r, &out->gateway_v4);
	mw_wire_read_ip(r, &out->gateway_v6);
	mw_wire_read_ip(r, &out->address_v4);
	mw_wire_read_ip(r, &out->address_v6);
	for (unsigned i = 0; i < sizeof(out->mac); i++)
		out->mac[i] = mw_read_u8(r);
	out->vlan = mw_read_u16(r);
	out->fallback = read_fallback(r);
	out->check_port = mw_read_u16(r);
	out->check_every_ms = mw_read_u32(r);
	out->check_timeout_ms = mw_read_u32(r);
	out->fall = mw_read_u8(r);
	out->rise = mw_read_u8(r);
	if (!r->failed && !is_valid(out))
		r->failed = true;
}
