/* options: the options of one call, its last argument. */
#ifndef AUTH0PERM_LUA_OPTIONS_H
#define AUTH0PERM_LUA_OPTIONS_H

#include "checks.h"

struct operation;

/* Reads the table of options at a stack index, which may be absent, into the call. Wrong types and unknown options
 * raise; wrong values return false, with an error of kind invalid. */
bool options_read(const struct reading *reading, int index);

/* Pushes a list of the options that calls of an operation have. */
void options_push_names(lua_State *L, const struct operation *operation);

#endif
