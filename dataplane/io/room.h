/*
 * How large a frame may be before a device or its driver cuts or loses it. Drivers on kernel
 * interfaces do so silently, therefore it is reckoned before a port is started. Pure.
 */
#ifndef MW_DATAPLANE_IO_ROOM_H
#define MW_DATAPLANE_IO_ROOM_H

#include <stdint.h>

#define MW_ROOM_OVER_MTU 22 /* Ethernet header and two VLAN tags */

/* `driver` as DPDK calls it ("net_af_xdp"); `args` of the virtual device, or "". */
uint32_t mw_io_room(const char *driver, const char *args, uint32_t buffer_bytes);

/* Octets of one slot of an AF_PACKET ring whose frames fit the buffer: a power of two. */
uint32_t mw_io_af_packet_frame(uint32_t buffer_bytes);

#endif
