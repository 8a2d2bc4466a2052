/* Closed forms, so that a customer with a million ham between two spams costs as much as one with
 * none. */
#include "controlplane/detect/sprt.h"

#include <math.h>

struct mw_sprt mw_sprt_of(double theta0, double theta1, double alpha, double beta)
{
	return (struct mw_sprt){
		.up = log(theta1 / theta0),
		.down = log((1 - theta1) / (1 - theta0)),
		.upper = log((1 - beta) / alpha),
		.lower = log(beta / (1 - alpha)),
	};
}

bool mw_sprt_spam(const struct mw_sprt *test, double *sum)
{
	*sum += test->up;
	if (*sum < test->upper)
		return false;
	*sum = test->upper;
	return true;
}

/* Steps of `step` from `from` until `bound` is reached or passed, both negative; at least 1. */
static uint64_t steps_to(double from, double bound, double step)
{
	double n = ceil((from - bound) / -step - 1e-9);

	return n < 1 ? 1 : (uint64_t)n;
}

bool mw_sprt_ham(const struct mw_sprt *test, double *sum, uint64_t count, uint64_t *rest)
{
	uint64_t first, cycle;

	*rest = count;
	if (count == 0)
		return false;
	first = steps_to(*sum, test->lower, test->down);
	if (count < first) {
		*sum += (double)count * test->down;
		return false;
	}
	cycle = steps_to(0, test->lower, test->down);
	*rest = (count - first) % cycle;
	*sum = (double)*rest * test->down;
	return true;
}

struct mw_cusum mw_cusum_of(double theta0, double theta1, double h)
{
	return (struct mw_cusum){
		.up = log(theta1 / theta0),
		.down = log((1 - theta1) / (1 - theta0)),
		.h = h,
	};
}

bool mw_cusum_spam(const struct mw_cusum *test, double *sum)
{
	*sum += test->up;
	if (*sum < test->h)
		return false;
	*sum = test->h;
	return true;
}

void mw_cusum_ham(const struct mw_cusum *test, double *sum, uint64_t count)
{
	double left = *sum + (double)count * test->down;

	*sum = left > 0 ? left : 0;
}
