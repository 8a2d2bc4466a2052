/*
 * The two sequential tests on one number each, with a run of ham applied in closed form. Wald
 * (1947) for the SPRT, Page (1954) for CUSUM. Inside of the detector and its tests.
 */
#ifndef MW_CONTROLPLANE_DETECT_SPRT_H
#define MW_CONTROLPLANE_DETECT_SPRT_H

#include <stdbool.h>
#include <stdint.h>

struct mw_sprt {
	double up, down; /* log likelihood ratio of one spam-like message (> 0), of one ham (< 0) */
	double upper, lower; /* bounds: ln((1-beta)/alpha) > 0, ln(beta/(1-alpha)) < 0 */
};

struct mw_sprt mw_sprt_of(double theta0, double theta1, double alpha, double beta);
/* One spam-like message. True when the sum now stands at the upper bound, where it stays. */
bool mw_sprt_spam(const struct mw_sprt *test, double *sum);
/* `count` ham in a row, exactly as one at a time: at the lower bound the sum begins anew at zero.
 * True when that happened; *rest is then the ham since the last such moment. */
bool mw_sprt_ham(const struct mw_sprt *test, double *sum, uint64_t count, uint64_t *rest);

struct mw_cusum {
	double up, down, h;
};

struct mw_cusum mw_cusum_of(double theta0, double theta1, double h);
bool mw_cusum_spam(
	const struct mw_cusum *test, double *sum); /* true: at h or above, where it stays */
void mw_cusum_ham(const struct mw_cusum *test, double *sum, uint64_t count);

#endif
