/* answer: a response on its way into a call: its body decoded, digested for policy, and kept for the user. */
#ifndef AUTH0PERM_LUA_ANSWER_H
#define AUTH0PERM_LUA_ANSWER_H

#include <lua.h>
#include <stdbool.h>

#include "../core/text.h"

struct call;
struct response;

/* Loads lua-cjson. Raises, and says so, where it is missing. */
void answer_open(lua_State *L);

/* Hands an answer to the call: its body is decoded where policy or the user wants to know it. The items of a list, or
 * the one object, are appended to the table at `items`, which need not be one for other operations. Raises nothing:
 * where there is no memory for that, the call fails. False when the host has interrupted it, by a hook that raises: the
 * call is canceled, and the value that was raised is pushed, to be raised again when that does no harm. */
bool answer_feed(lua_State *L, int items, struct call *call, struct response *response, struct text body, double now);

#endif
