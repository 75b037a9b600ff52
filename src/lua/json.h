/* json: writes a table of fields, as Lua gives it, as the JSON body of a request. The API checks names and values; this
 * rejects only what JSON cannot represent. */
#ifndef AUTH0PERM_LUA_JSON_H
#define AUTH0PERM_LUA_JSON_H

#include "checks.h"

/* Writes the table at the top of the stack as an object into the request's content. `place` is its place in messages.
 * Wrong types raise; wrong values return false, with an error of kind invalid. */
bool json_write_fields(const struct reading *reading, const char *place);

#endif
