/*
 * What the machine knows about a device before DPDK is asked to open it: is it there, up, how large
 * are its frames, is AF_XDP at hand. Looks, never changes anything. No DPDK in here.
 */
#ifndef MW_DATAPLANE_IO_DEVICE_H
#define MW_DATAPLANE_IO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mw_device_kind { MW_DEVICE_KERNEL, MW_DEVICE_PCI, MW_DEVICE_VDEV };

struct mw_device {
	enum mw_device_kind kind;
	char iface[16];	    /* kernel interface underneath (also of a vdev with iface=), or "" */
	uint32_t mtu;	    /* of that interface; 0 unknown */
	uint16_t rx_queues; /* queues the kernel spreads frames over; at least 1 */
	bool gro;	    /* the kernel merges received segments */
	bool vlan_strip;    /* the kernel takes VLAN tags out of frames */
	bool has_address;   /* the host itself answers on it */
};

/* "0000:01:00.0" or "01:00.0" is PCI, "net_..." a vdev, all else a kernel interface. */
enum mw_device_kind mw_device_kind_of(const char *text);

/* Looks at it. 0, or negative errno with a sentence in `error` that says what to do. */
int mw_device_look(const char *text, struct mw_device *out, char *error, size_t size);

enum mw_device_access { MW_ACCESS_OK, MW_ACCESS_MISSING, MW_ACCESS_DENIED };

enum mw_device_access mw_device_af_xdp(void);
enum mw_device_access mw_device_af_packet(void);

#endif
