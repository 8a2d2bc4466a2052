/*
 * What a client's ClientHello said, kept beside the connection's entry until it is reported:
 * content memory is given back when TLS begins, and the name is the best there is to tell where
 * such a session went.
 */
#include "dataplane/engine/internal.h"

uint32_t mw_tls_kept_max(const struct mw_lane_config *config)
{
	uint32_t most = config->flows / MW_TLS_SEEN_SHARE;

	return most > 0 ? most : 1;
}

void mw_tls_keep(struct mw_lane *lane, struct mw_flow *flow, const struct mw_tls_hello *hello)
{
	struct mw_tls_seen *seen = flow->tls != NULL ? flow->tls : mw_pool_get(&lane->tls_pool);

	flow->tls = seen;
	flow->tls_unkept = seen == NULL;
	if (seen == NULL)
		return;
	seen->version = hello->version;
	seen->outcome = hello->outcome;
	seen->name_len = hello->name_len;
	memcpy(seen->name, hello->name, hello->name_len);
}

void mw_tls_report(const struct mw_flow *flow, struct mw_lane_session *session)
{
	const struct mw_tls_seen *seen = flow->tls;

	session->tls_hello = flow->tls_unkept ? MW_TLS_UNKEPT : MW_TLS_NONE;
	if (seen == NULL)
		return;
	session->tls_hello = (enum mw_tls_outcome)seen->outcome;
	session->tls_version = seen->version;
	if (seen->name_len > 0)
		session->tls_server_name = mw_span_of(seen->name, seen->name_len);
}

void mw_tls_drop(struct mw_lane *lane, struct mw_flow *flow)
{
	if (flow->tls != NULL)
		mw_pool_put(&lane->tls_pool, flow->tls);
	flow->tls = NULL;
}
