/*
 * The language of the control socket, spoken by ctl/server.c and by weirctl. A frame is
 *
 *   u32 length of the head, u32 length of the data (both big-endian), head (JSON, UTF-8), data
 *
 * Request head: {"v":1, "argv":[...], "json":bool, "as":"name" or absent, "cwd":"/abs"}; data: the
 * file the command takes, read by the client. Reply head: {"v":1, "exit":0..3, "error":"sentence"
 * or absent}, data: what belongs on stdout. Before it any number of {"v":1, "progress":"..."}
 * without data. A daemon that reads another version answers with exit 2 and a sentence that names
 * both.
 */
#ifndef MW_CONTROLPLANE_CTL_WIRE_H
#define MW_CONTROLPLANE_CTL_WIRE_H

#include <stdint.h>

#define MW_WIRE_VERSION	 1
#define MW_WIRE_PREFIX	 8
#define MW_WIRE_HEAD_MAX (256u * 1024)
#define MW_WIRE_REQUEST_MAX                                                   \
	(128u * 1024 * 1024) /* data of a request: a million customers as CSV \
			      */
#define MW_WIRE_REPLY_MAX (1024u * 1024 * 1024)

enum { MW_EXIT_DONE = 0, MW_EXIT_REFUSED = 1, MW_EXIT_USAGE = 2, MW_EXIT_UNREACHABLE = 3 };

static inline void mw_wire_put(uint8_t out[4], uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

static inline uint32_t mw_wire_get(const uint8_t in[4])
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

#endif
