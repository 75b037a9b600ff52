/* json: a table of fields, as Lua gives it, becomes the JSON body of a request. The API checks names and values: what
 * is refused here is what JSON cannot hold. */
#ifndef AUTH0PERM_LUA_JSON_H
#define AUTH0PERM_LUA_JSON_H

#include "checks.h"

/* Writes the table on top of the stack as an object into the request's content. Its place in messages is `place`. Wrong
 * types raise; wrong values return false, with an error of kind invalid. */
bool json_write_fields(const struct reading *reading, const char *place);

#endif
