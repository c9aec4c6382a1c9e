#include "timestamp.h"

#include <string.h>

static void two_digits(char *to, int number)
{
	to[0] = (char)('0' + number / 10);
	to[1] = (char)('0' + number % 10);
}

/* "2006-01-02T15:04:05" */
enum { SECOND_LENGTH = 19 };

static void format_second(char *to, time_t second)
{
	struct tm fields;

	gmtime_r(&second, &fields);
	int year = fields.tm_year + 1900;
	two_digits(to, year / 100);
	two_digits(to + 2, year % 100);
	to[4] = '-';
	two_digits(to + 5, fields.tm_mon + 1);
	to[7] = '-';
	two_digits(to + 8, fields.tm_mday);
	to[10] = 'T';
	two_digits(to + 11, fields.tm_hour);
	to[13] = ':';
	two_digits(to + 14, fields.tm_min);
	to[16] = ':';
	two_digits(to + 17, fields.tm_sec);
}

int timestamp_format(char *to, const struct timespec *moment)
{
	static char second_text[SECOND_LENGTH];
	static time_t second = -1;
	int length = SECOND_LENGTH;

	if (moment->tv_sec != second) {
		second = moment->tv_sec;
		format_second(second_text, second);
	}
	memcpy(to, second_text, SECOND_LENGTH);
	if (moment->tv_nsec) {
		long rest = moment->tv_nsec;
		to[length] = '.';
		for (int i = 9; i > 0; i--) {
			to[length + i] = (char)('0' + rest % 10);
			rest /= 10;
		}
		length += 10;
		while (to[length - 1] == '0')
			length--;
	}
	to[length++] = 'Z';
	return length;
}
