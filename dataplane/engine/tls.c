/*
 * What a client's ClientHello said, kept beside the connection's entry until it is reported:
 * content memory is given back when TLS begins, and the name is the best there is to tell where
 * such a session went.
 */
#include "dataplane/engine/internal.h"

uint32_t mw_tls_names(const struct mw_lane_config *config)
{
	uint32_t names = config->flows / MW_TLS_NAME_SHARE;

	return names > 0 ? names : 1;
}

void mw_tls_keep(struct mw_lane *lane, struct mw_flow *flow, const struct mw_tls_hello *hello)
{
	struct mw_span name = mw_tls_hello_name(hello);

	flow->tls_version = hello->version;
	flow->tls_hello = hello->outcome;
	if (name.len == 0 || flow->tls_name != NULL)
		return;
	flow->tls_name = mw_pool_get(&lane->tls_name_pool);
	if (flow->tls_name == NULL) {
		flow->tls_hello = MW_TLS_UNKEPT;
		return;
	}
	flow->tls_name->len = (uint8_t)name.len;
	memcpy(flow->tls_name->octets, name.data, name.len);
}

struct mw_span mw_tls_name(const struct mw_flow *flow)
{
	return flow->tls_name == NULL ? mw_span_of(NULL, 0)
				      : mw_span_of(flow->tls_name->octets, flow->tls_name->len);
}

void mw_tls_drop(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->tls_name != NULL)
		mw_pool_put(&lane->tls_name_pool, flow->tls_name);
	flow->tls_name = NULL;
}
