/* Moments as Go's RFC3339Nano prints them in UTC: trailing zeros of the fraction dropped. */
#ifndef SHIM_TIMESTAMP_H
#define SHIM_TIMESTAMP_H

#include <time.h>

enum { TIMESTAMP_SIZE = 32 };

/* Returns the length; no NUL is added. */
int timestamp_format(char *to, const struct timespec *moment);

#endif
