/* answer: hands a response to its call: decodes the body, digests it for policy, and keeps the items for the user. */
#ifndef AUTH0PERM_LUA_ANSWER_H
#define AUTH0PERM_LUA_ANSWER_H

#include <lua.h>
#include <stdbool.h>

#include "../core/text.h"

struct call;
struct response;

/* Loads lua-cjson. Raises an error that says so if it is missing. */
void answer_open(lua_State *L);

/* Hands a response to the call. The body is decoded if policy or the user needs it. The items of a list, or the one
 * object, are appended to the table at `items`, which may be anything for other operations. Raises nothing: if memory
 * runs out, the call fails. False if the host program interrupted this with a hook that raises: the call is canceled,
 * and the raised value is pushed, for the caller to raise again once that is safe. */
bool answer_feed(lua_State *L, int items, struct call *call, struct response *response, struct text body, double now);

#endif
