/* Text put together in a buffer of fixed size; what does not fit is cut off. Always ends with NUL. */
#ifndef SHIM_TEXT_H
#define SHIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *start, *at, *limit;
};

#define TEXT(buffer) { (buffer), (buffer), (buffer) + sizeof(buffer) - 1 }

void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const char *bytes, size_t length);
void text_add_number(struct text *text, uint64_t number);

#endif
