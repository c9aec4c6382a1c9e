#include "text.h"

#include <string.h>

void text_add_bytes(struct text *text, const char *bytes, size_t length)
{
	size_t room = (size_t)(text->limit - text->at);

	if (length > room)
		length = room;
	memcpy(text->at, bytes, length);
	text->at += length;
	*text->at = '\0';
}

void text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void text_add_number(struct text *text, uint64_t number)
{
	char digits[20];
	char *at = digits + sizeof digits;

	do {
		*--at = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_add_bytes(text, at, (size_t)(digits + sizeof digits - at));
}
