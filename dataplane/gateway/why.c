#include "dataplane/gateway/why.h"

const char *mw_gateway_why_text(enum mw_gateway_why why)
{
	static const char *const text[MW_GATEWAY_WHY_COUNT] = {
		[MW_GATEWAY_FINE] = "nothing is wrong with it",
		[MW_GATEWAY_NOT_YET] = "it was not asked yet",
		[MW_GATEWAY_NO_NEIGHBOUR] = "nobody answers for its address (ARP, NDP)",
		[MW_GATEWAY_NO_SYN_ACK] = "its check port does not answer",
		[MW_GATEWAY_REFUSED] = "its check port refuses the connection",
		[MW_GATEWAY_NO_GREETING] = "its check port connects, but no greeting came in time",
		[MW_GATEWAY_BAD_GREETING] = "its check port greets with something else than 220",
	};

	return (unsigned)why < MW_GATEWAY_WHY_COUNT ? text[why] : "unknown";
}
