/*
 * Captures: pcap and pcapng through libpcap, each packet brought into the one shape a lane reads,
 * an Ethernet frame. Called by the replay's main loop only.
 */
#ifndef MW_DATAPLANE_REPLAY_CAPTURE_H
#define MW_DATAPLANE_REPLAY_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mw_capture;

struct mw_capture_frame {
	uint8_t *data;	   /* writable, until the next call */
	uint32_t len;	   /* octets that the capture holds */
	uint32_t wire_len; /* octets the frame had */
	uint64_t time_ns;  /* since the epoch */
	uint32_t captured; /* octets of the packet as it stands in the file */
};

/* NULL and a sentence when the file is no capture, or of a link type that is not known. */
struct mw_capture *mw_capture_open(const char *path, char *error, size_t error_size);
/* 1: a frame; 0: the end of the file; -1: the file ends in mid-record, or is damaged: a sentence.
 */
int mw_capture_next(
	struct mw_capture *capture, struct mw_capture_frame *frame, char *error, size_t error_size);
void mw_capture_close(struct mw_capture *capture);

#endif
