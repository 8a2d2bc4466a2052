/*
 * Figures from the kernel and the drivers, found again by trying (docs/decisions): AF_PACKET puts
 * 66 octets of its own before a frame in a ring slot (net/packet/af_packet.c, TPACKET_V2), AF_XDP
 * keeps 256 of the buffer for the XDP program (XDP_PACKET_HEADROOM).
 */
#include "dataplane/io/room.h"

#include <stdlib.h>
#include <string.h>

#define AF_PACKET_BEFORE_FRAME 66
#define AF_PACKET_OVER_BUFFER  32 /* of a slot, never frame octets in the driver's reckoning */
#define AF_XDP_BEFORE_FRAME    256

uint32_t mw_io_af_packet_frame(uint32_t buffer_bytes)
{
	uint32_t frame = 2048;

	while (frame * 2 <= buffer_bytes + AF_PACKET_OVER_BUFFER)
		frame *= 2;
	return frame;
}

uint32_t mw_io_room(const char *driver, const char *args, uint32_t buffer_bytes)
{
	if (strcmp(driver, "net_af_packet") == 0) {
		const char *at = strstr(args, "framesz=");
		uint32_t frame = at ? (uint32_t)strtoul(at + 8, NULL, 10) : 2048;
		uint32_t room = frame > AF_PACKET_BEFORE_FRAME ? frame - AF_PACKET_BEFORE_FRAME : 0;

		return room < buffer_bytes ? room : buffer_bytes;
	}
	if (strcmp(driver, "net_af_xdp") == 0)
		return buffer_bytes > AF_XDP_BEFORE_FRAME ? buffer_bytes - AF_XDP_BEFORE_FRAME : 0;
	return buffer_bytes;
}
