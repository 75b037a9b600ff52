---@meta auth0perm
-- Written by `make reference` from the comments in the sources; do not edit.

--- The module: `local auth0perm = require "auth0perm"`.
---@class auth0perm
--- Its name and version.
---@field _VERSION string
local auth0perm = {}

--- Holds what all calls to one tenant share: connections, token, rate limit. Its methods are the operations.
---@class auth0perm.Client: auth0perm.Operations
local Client = {}

--- The operations of the Management API, as methods of every client.
---@class auth0perm.Operations
local Operations = {}

--- Makes a client for one tenant. The client connects when it is first used, and reuses its connections.
--- Raises an error for wrong types and unknown options. Returns an error of kind `invalid` for impossible values.
---@param options auth0perm.Options
---@param host? auth0perm.Host  only for drivers written in Lua
---@return auth0perm.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function auth0perm.new(options, host) end

--- Iterates over a list while holding only one page of it:
--- `for permission in client:each("list_user_permissions", user_id) do ... end`. It fetches the next page, and blocks
--- meanwhile, after the last item of a page. If you leave the loop early, no further page is fetched.
---
--- A generic `for` has no place for `nil, err`. So instead of returning an error, `each` and its iterator raise the
--- error object; `pcall` catches it. `timeout` limits the time for each page, not the time that the loop takes in
--- between. If the list changes in the meantime, the loop may see part of the change.
---@param operation string  a method that returns a list, such as `"list_user_permissions"`
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil after the last
function Client:each(operation, ...) end

--- Starts an operation without waiting for it. `step` moves it on. Its deadline runs from now.
---@param operation string  a method's name, such as `"remove_user_permissions"`
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`, if the method would refuse its arguments
function Client:start(operation, ...) end

--- Makes a call for a driver of your own, which has its own HTTP client: see `Call:next`. The deadline runs from the
--- first `next`.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`
function Client:prepare(operation, ...) end

--- Waits at most `seconds` for something to happen, and moves all started calls on.
---@param seconds? number  default 0: do not wait
---@return integer? in_flight  calls that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end

--- Returns a descriptor for an event loop to poll. It is readable when `step` has something to do. It belongs to the
--- client: do not read from it and do not close it. It stays the same until the client is closed or the process forks.
---
--- `pollfd`, `events` and `timeout` are the methods that cqueues looks for, so `cqueues.poll(client)` works.
---@return integer? descriptor  of epoll or kqueue; nil if the system has neither, or if the client is closed
function Client:pollfd() end

--- Returns what to wait for on the descriptor: that it is readable.
---@return "r" events
function Client:events() end

--- Returns when to call `step` even if the descriptor is not readable. Every `start`, `step` and `cancel` may change
--- this.
---@return number? seconds  0: at once; nil: not before the next `start`
function Client:timeout() end

--- Ends all calls in flight with an error of kind `closed`, closes the connections and wipes the token. You may call it
--- more than once.
function Client:close() end

---@class auth0perm.Options
--- The tenant's domain (or its custom domain), such as `"acme.eu.auth0.com"`: `host` or `host:port`, not a URL.
---@field domain string
--- An access token for the Management API (audience `https://{tenant}/api/v2/`); or a function that returns a token
--- and, if known, the seconds until it expires, or nil and the reason. The method or step that needs a token calls the
--- function, which must not yield. Without `token` and `client_id`, methods and calls of `start` fail with kind
--- `token`, and calls of `prepare` say `"authorize"`.
---@field token? string|fun(): string?, number|string|nil
--- The id of a machine-to-machine application. The client then fetches, keeps and renews tokens. Needs `client_secret`
--- or `private_key`.
---@field client_id? string
---@field client_secret? string
--- An unencrypted RSA key of 2048 bits or more, in PEM, for `private_key_jwt` (RFC 7523).
---@field private_key? string
--- What to sign with that key: `"RS256"` (default), `"RS384"` or `"PS256"`.
---@field signing_algorithm? "RS256"|"RS384"|"PS256"
--- What tokens are for. Default `https://{domain}/api/v2/`. On a custom domain, set it to that of the tenant's own
--- domain.
---@field audience? string
--- A PEM file with the certificates to trust, and no others; for a private CA. Default: the system's.
---@field ca_file? string
--- A proxy, as `"http://host:port"` or `"https://host:port"`, used for tokens too; `"env"` obeys `https_proxy`,
--- `all_proxy` and `no_proxy`. Default: none.
---@field proxy? string
--- Where to connect instead of the domain's own address, as `"host:port"`. Name and certificate stay the domain's.
---@field connect_to? string
--- How many connections may be open at once, and are kept. Default 16.
---@field max_connections? integer
--- Whether to send many requests at once over one connection. Default false.
---@field http2? boolean
--- Seconds for a whole call: token, waits, retries and all pages of a list. Default 60.
---@field timeout? number
--- Seconds to connect: name lookup, connection, TLS handshake. Default 10.
---@field connect_timeout? number
--- Seconds for one request and its whole response. Default 30.
---@field request_timeout? number
--- How often to retry a request after a failure that may pass: no connection, a reset, a timeout, 408, 5xx. Default 4.
---@field max_retries? integer
--- Requests per second at most, in addition to the tenant's rate limit. Default 0: no limit.
---@field max_rate? number
--- The share of the tenant's rate limit that is left to other applications. Default 0.2.
---@field reserve? number
--- What performs the requests: `"curl"` (default), or `"none"` for a driver of your own. A client with `"none"` does
--- not use libcurl. Its methods and `each` return calls for your driver, as `prepare` does; `start` and `step` raise an
--- error.
---@field driver? "curl"|"none"
--- With `driver = "none"` and `client_id`: before a call fetches a token, it asks for one that another process has
--- fetched; see `Call:next`. Default false.
---@field share_tokens? boolean

--- What a driver written in Lua tells `new` about itself, so that messages name the functions and options of its user.
---@class auth0perm.Host
--- The level of its user's code on the stack, seen from a function of this module: 2 if the user calls a function of
--- the driver, and that calls this module directly, without a tail call. Default 1.
---@field level? integer
--- The name of the driver's function that calls `prepare`. Default `"prepare"`.
---@field prepare? string
--- The name of the driver's option for which it sets `share_tokens`. Default `"share_tokens"`.
---@field share_tokens? string
--- The names of all the driver's options, for the message about an unknown one. Default: those of this module.
---@field options? string[]

---@class auth0perm.Option
--- The option's name.
---@field name string
---@field type "string"|"string or function"|"number"|"integer"|"boolean"|"function"
--- Absent if there is none.
---@field default? string|number|boolean
--- The unit of a number, such as `"seconds"`, if it has one.
---@field unit? string
--- Which drivers obey it: `"curl"` is built in, `"none"` is one of your own, `"openresty"` is the one for nginx.
---@field drivers ("curl"|"none"|"openresty")[]
---@field meaning string

--- Returns a list of the options of `new`, for tools. `auth0perm.openresty` has its own.
---@return auth0perm.Option[] options  a new table each time
function auth0perm.options() end

--- Removes permissions that are assigned directly to a user. What a role grants stays. Removing a permission that
--- the user does not hold, or that does not exist, succeeds silently: the API does not report it.
--- `DELETE /api/v2/users/{user_id}/permissions`, scope `update:users` (guide "Remove Permissions from Users").
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param permissions auth0perm.Permissions
---@param options? auth0perm.CallOptions
---@return true? removed
---@return auth0perm.Error? err  of any kind
function Operations:remove_user_permissions(user_id, permissions, options) end

--- Assigns permissions directly to a user. Assigning what the user already holds succeeds.
--- `POST /api/v2/users/{user_id}/permissions`, scope `update:users` (OpenAPI, `post_permissions`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param permissions auth0perm.Permissions
---@param options? auth0perm.CallOptions
---@return true? assigned
---@return auth0perm.Error? err  of any kind; `api` with status 404 if a permission does not exist
function Operations:assign_user_permissions(user_id, permissions, options) end

--- Lists all permissions of a user: those assigned directly and those that roles grant.
--- `GET /api/v2/users/{user_id}/permissions`, scope `read:users` (OpenAPI, `get_permissions`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param options? auth0perm.ListOptions
---@return auth0perm.UserPermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_user_permissions(user_id, options) end

--- Lists a user's effective permissions at one API: those assigned directly and those that roles and groups grant.
--- New in 2026; a tenant that does not have it yet responds with 404.
--- `GET /api/v2/users/{user_id}/effective-permissions`, scope `read:user_effective_permissions` (OpenAPI,
--- `get_user_effective_permissions`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param resource_server_identifier string  the API's identifier, its audience
---@param options? auth0perm.ListOptions
---@return auth0perm.EffectivePermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_effective_user_permissions(user_id, resource_server_identifier, options) end

--- Lists all roles that a user has in the tenant as a whole. Roles within organizations are not among them.
--- `GET /api/v2/users/{user_id}/roles`, scope `read:users` (OpenAPI, `get_user_roles`; it names `read:roles` and
--- `read:role_members` too).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param options? auth0perm.ListOptions
---@return auth0perm.Role[]? roles
---@return auth0perm.Error? err  of any kind
function Operations:list_user_roles(user_id, options) end

--- Assigns roles to a user. Assigning what the user already has succeeds.
--- `POST /api/v2/users/{user_id}/roles`, scopes `update:users` and `create:role_members`
--- (OpenAPI, `post_user_roles`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param roles string[]  ids of roles, at least one; duplicates are sent once
---@param options? auth0perm.CallOptions
---@return true? assigned
---@return auth0perm.Error? err  of any kind
function Operations:assign_user_roles(user_id, roles, options) end

--- Removes roles from a user, and with them the permissions that they grant. Roles within organizations stay.
--- `DELETE /api/v2/users/{user_id}/roles`, scopes `update:users` and `delete:role_members` (OpenAPI,
--- `delete_user_roles`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param roles string[]  ids of roles, at least one; duplicates are sent once
---@param options? auth0perm.CallOptions
---@return true? removed
---@return auth0perm.Error? err  of any kind
function Operations:remove_user_roles(user_id, roles, options) end

--- Lists all permissions that a role grants.
--- `GET /api/v2/roles/{role_id}/permissions`, scope `read:roles` (OpenAPI, `get_role_permission`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.ListOptions
---@return auth0perm.RolePermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_role_permissions(role_id, options) end

--- Adds permissions to a role. Adding what the role already grants succeeds.
--- `POST /api/v2/roles/{role_id}/permissions`, scope `update:roles` (OpenAPI, `post_role_permission_assignment`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param permissions auth0perm.Permissions
---@param options? auth0perm.CallOptions
---@return true? added
---@return auth0perm.Error? err  of any kind; `api` with status 404 if a permission or the role does not exist
function Operations:add_role_permissions(role_id, permissions, options) end

--- Removes permissions from a role. Removing what the role does not grant, or what does not exist, succeeds
--- silently.
--- `DELETE /api/v2/roles/{role_id}/permissions`, scope `update:roles`
--- (OpenAPI, `delete_role_permission_assignment`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param permissions auth0perm.Permissions
---@param options? auth0perm.CallOptions
---@return true? removed
---@return auth0perm.Error? err  of any kind
function Operations:remove_role_permissions(role_id, permissions, options) end

--- Lists all users who have a role.
--- `GET /api/v2/roles/{role_id}/users`, scopes `read:users` and `read:roles` (OpenAPI, `get_role_user`; it names
--- `read:role_members` too).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.ListOptions
---@return auth0perm.RoleUser[]? users
---@return auth0perm.Error? err  of any kind
function Operations:list_role_users(role_id, options) end

--- Assigns a role to users. To remove it, call `remove_user_roles` for each user.
--- `POST /api/v2/roles/{role_id}/users`, scopes `update:roles` and `create:role_members`
--- (OpenAPI, `post_role_users`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param users string[]  ids of users, at least one; duplicates are sent once
---@param options? auth0perm.CallOptions
---@return true? assigned
---@return auth0perm.Error? err  of any kind
function Operations:assign_role_users(role_id, users, options) end

--- Lists all roles of the tenant.
--- `GET /api/v2/roles`, scope `read:roles` (OpenAPI, `get_roles`).
---@param options? auth0perm.RoleListOptions
---@return auth0perm.Role[]? roles
---@return auth0perm.Error? err  of any kind
function Operations:list_roles(options) end

--- Gets one role.
--- `GET /api/v2/roles/{role_id}`, scope `read:roles` (OpenAPI, `get_roles_by_id`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.CallOptions
---@return auth0perm.Role? role
---@return auth0perm.Error? err  of any kind
function Operations:get_role(role_id, options) end

--- Creates a role without permissions.
--- `POST /api/v2/roles`, scope `create:roles` (OpenAPI, `post_roles`).
---@param fields auth0perm.RoleFields  Auth0 requires a name
---@param options? auth0perm.CallOptions
---@return auth0perm.Role? role  with its new id
---@return auth0perm.Error? err  of any kind; `api` with status 409 if the name is taken
function Operations:create_role(fields, options) end

--- Changes a role's name or description.
--- `PATCH /api/v2/roles/{role_id}`, scope `update:roles` (OpenAPI, `patch_roles_by_id`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param fields auth0perm.RoleFields  those to change
---@param options? auth0perm.CallOptions
---@return auth0perm.Role? role  as it is now
---@return auth0perm.Error? err  of any kind
function Operations:update_role(role_id, fields, options) end

--- Deletes a role. Its users lose the permissions that it granted. This cannot be undone.
--- `DELETE /api/v2/roles/{role_id}`, scope `delete:roles` (OpenAPI, `delete_roles_by_id`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.CallOptions
---@return true? deleted
---@return auth0perm.Error? err  of any kind
function Operations:delete_role(role_id, options) end

--- Gets one user.
--- `GET /api/v2/users/{user_id}`, scope `read:users` (OpenAPI, `get_users_by_id`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param options? auth0perm.UserOptions
---@return auth0perm.User? user
---@return auth0perm.Error? err  of any kind
function Operations:get_user(user_id, options) end

--- Lists the users who have an e-mail address. Auth0 compares it case-sensitively; its own databases store
--- addresses in lower case.
--- `GET /api/v2/users-by-email`, scope `read:users` (OpenAPI, `get_users-by-email`).
---@param email string
---@param options? auth0perm.UserOptions
---@return auth0perm.User[]? users  empty if there is none
---@return auth0perm.Error? err  of any kind
function Operations:list_users_by_email(email, options) end

--- Lists all APIs ("resource servers") of the tenant.
--- `GET /api/v2/resource-servers`, scope `read:resource_servers` (OpenAPI, `get_resource-servers`).
---@param options? auth0perm.ResourceServerListOptions
---@return auth0perm.ResourceServer[]? resource_servers
---@return auth0perm.Error? err  of any kind
function Operations:list_resource_servers(options) end

--- Gets one API.
--- `GET /api/v2/resource-servers/{resource_server}`, scope `read:resource_servers`
--- (OpenAPI, `get_resource-servers_by_id`).
---@param resource_server string  its id, or its identifier (audience)
---@param options? auth0perm.ResourceServerOptions
---@return auth0perm.ResourceServer? resource_server
---@return auth0perm.Error? err  of any kind
function Operations:get_resource_server(resource_server, options) end

--- Changes settings of an API. `enforce_policies = true` switches RBAC on, without which Auth0 ignores permissions;
--- `token_dialect = "access_token_authz"` puts permissions into access tokens. `scopes` replaces the whole list: a
--- permission that is left out is lost to every user and role.
--- `PATCH /api/v2/resource-servers/{resource_server}`, scope `update:resource_servers` (OpenAPI,
--- `patch_resource-servers_by_id`).
---@param resource_server string  its id, or its identifier (audience)
---@param fields auth0perm.ResourceServerFields  those to change
---@param options? auth0perm.CallOptions
---@return auth0perm.ResourceServer? resource_server  as it is now
---@return auth0perm.Error? err  of any kind
function Operations:update_resource_server(resource_server, fields, options) end

--- An operation under way.
---@class auth0perm.Call
local Call = {}

--- Returns whether the call is done.
---@return boolean done
function Call:done() end

--- Returns what the operation's method would have returned. Raises an error if the call is not done.
---@return any result  `true`, a list or an object; `nil` if the operation failed
---@return auth0perm.Error? err
function Call:result() end

--- Ends the call at once. Its result is an error of kind `canceled`, whose `maybe_applied` says whether a change may
--- have reached the tenant.
---@return boolean canceled  false if the call was done already
function Call:cancel() end

--- Registers a callback for when the call is done. The `step` (or blocking method, or `close`) that finds it done runs
--- the callback; if the call is done already, `on_done` runs it at once. The callback may do anything except yield:
--- start calls, cancel them, close the client. An error in it is reported on standard error, and stops nothing else.
--- Several callbacks run in the order in which they were registered. Only for calls of `start`.
---@param listener fun(result: any, err: auth0perm.Error?)  gets what `result` returns
---@return auth0perm.Call call  the call itself
function Call:on_done(listener) end

--- What is known about a call's requests so far, for logs and tools.
---@class auth0perm.CallInfo
--- Requests sent; for a list, for its newest page.
---@field attempts integer
--- HTTP status of the newest response.
---@field status? integer
--- Whether the newest request reused a connection. Only for calls that the client drives.
---@field reused? boolean
--- The rate limit, as the newest response told it: the size of its bucket and what is left in it (requests), and when
--- it will be full (seconds since 1970, by the tenant's clock).
---@field limit? integer
---@field remaining? integer
---@field reset? integer

---@return auth0perm.CallInfo info
function Call:info() end

--- What `Call:next` asks a driver to send. The driver must verify certificates and must not follow redirects.
---@class auth0perm.Request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string
--- Seconds to connect.
---@field connect_timeout number
--- Seconds for the request and its whole response.
---@field timeout number

--- For a driver of your own: returns what to do next. `"send", request`: perform it, then call `feed` or `fail`.
--- `"wait", seconds`: call `next` again then, or earlier. `"authorize"`: supply a token, or call `fail`. `"done"`: see
--- `result`. Raises an error if you have not replied to the last `"send"` yet.
---
--- With `share_tokens`, `"authorize"` asks for a token that another process has fetched; only one call at a time asks.
--- Reply with `authorize`; with `fetch` if nobody has a token and nobody is fetching one; or with `defer` if somebody
--- is. After a fetch, the call says `"share", token, expires_in`. Store the token for the others (it is nil if the
--- fetch failed, and `expires_in` is nil if unknown), and call `next` again.
---@param now? number  seconds on a monotonic clock of your own, always the same one. Default: the system's.
---@return "send"|"wait"|"authorize"|"share"|"done" step
---@return auth0perm.Request|number|string|nil detail
---@return number? expires_in  seconds
function Call:next(now) end

--- For a driver of your own: hands over the response to the request that `next` returned. A call that was canceled in
--- the meantime ignores it.
---@param response { status: integer, headers: table<string, string|string[]>?, body: string? }
---@param now? number  see `next`
function Call:feed(response, now) end

--- For a driver of your own: says that the request that `next` returned got no response, or that there is no token.
--- Kinds: `connect` (no connection; nothing was sent), `connect_timeout` (the same, because of a timeout), `tls` (the
--- certificate cannot be trusted; nothing was sent), `timeout`, `transport` (the connection broke), `protocol` (the
--- response is not HTTP, or is too large), `token`, `canceled`, `closed` (the client is closed).
---@param kind "connect"|"tls"|"timeout"|"transport"|"protocol"|"token"|"canceled"|"connect_timeout"|"closed"
---@param message? string  for people, without secrets
---@param now? number  see `next`
function Call:fail(kind, message, now) end

--- For a driver of your own: supplies an access token, for this call and all others of its client. A token that cannot
--- stand in a header ends the call with an error of kind `token`.
---@param token string
---@param expires_in? number  seconds; default: unknown
---@param now? number  see `next`
---@return boolean taken  false, only with `share_tokens`: the client has this token already, or the tenant rejected it
function Call:authorize(token, expires_in, now) end

--- For a driver of your own: gives the call what a token function has returned, for this call and all others that wait
--- for a token: `call:supply(pcall(token_function))`. A function that raises, or returns no string, ends them with an
--- error of kind `token`.
---@param returned boolean  whether the function returned
---@param token? any  the token; or nil; or what was raised
---@param expires_in? number|string  seconds; or why there is no token
function Call:supply(returned, token, expires_in) end

--- For a driver of your own, with `share_tokens`: nobody else is fetching a token, so this call does.
function Call:fetch() end

--- For a driver of your own, with `share_tokens`: somebody else is fetching a token. The client asks again after
--- `seconds`. In the meantime it uses the token that it has.
---@param seconds number  more than 0
---@param now? number  see `next`
function Call:defer(seconds, now) end

--- For a driver of your own: continues with the next page of a list. A call that `each` returned, with
--- `driver = "none"`, is done after each page, and its result is that page.
---@return boolean more  false: that page was the last, or the call failed
function Call:resume() end

--- For a driver inside nginx, through LuaJIT's FFI: ties the call to a request. When the request ends, nginx calls the
--- handler, which cancels the call, so that nothing waits for a call that nobody drives. Without an address, unties it.
---@param address? number  of a null pointer that lives as long as the request. A wrong address is fatal.
---@return lightuserdata|boolean handler  `void (*)(void *)`, to be called with that pointer when the request ends;
--- without an address: whether the call was tied
function Call:leash(address) end

---@class auth0perm.Operation
--- The client's method.
---@field name string
--- The HTTP method.
---@field method "GET"|"POST"|"PATCH"|"DELETE"
--- With the arguments that are part of it in braces: `/api/v2/users/{user_id}/permissions`.
---@field path string
--- The scopes that the access token needs, separated by spaces.
---@field scope string
--- The names of the arguments, in order; options come after them.
---@field arguments string[]
--- The names of its options.
---@field options string[]
---@field returns "true"|"list"|"object"
--- Whether it changes anything at the tenant.
---@field writes boolean

---@class auth0perm.RolePermission: auth0perm.Permission
---@field description? string
---@field resource_server_name string

---@class auth0perm.UserPermission: auth0perm.RolePermission
--- How the user holds it. `source_type` is `"DIRECT"`, or `"ROLE"` with the role's id and name.
---@field sources { source_id: string, source_name: string, source_type: string }[]

---@class auth0perm.EffectivePermission: auth0perm.RolePermission
--- Where it comes from.
---@field sources ("direct"|"roles")[]

---@class auth0perm.Role
---@field id string
---@field name string
---@field description? string

---@class auth0perm.RoleFields
---@field name? string
---@field description? string

---@class auth0perm.RoleUser
---@field user_id string
---@field name? string
---@field email? string
---@field picture? string

--- The usual members. There are more, and connections add their own.
---@class auth0perm.User
---@field user_id string
---@field email? string
---@field email_verified? boolean
---@field username? string
---@field name? string
---@field nickname? string
---@field picture? string
---@field blocked? boolean
---@field identities? { connection: string, user_id: string|integer, provider: string, isSocial: boolean }[]
---@field app_metadata? table
---@field user_metadata? table
---@field created_at? string
---@field updated_at? string
---@field last_login? string
---@field logins_count? integer

---@class auth0perm.Scope
--- The permission's name.
---@field value string
---@field description? string

--- What can be changed about an API. Auth0 accepts further members, and refuses unknown ones. `cjson.null` unsets a
--- member that can be unset.
---@class auth0perm.ResourceServerFields
---@field name? string
--- All permissions of the API. A permission that is left out is lost to every user and role.
---@field scopes? auth0perm.Scope[]
--- Whether RBAC is on. Without it, Auth0 ignores permissions.
---@field enforce_policies? boolean
--- `"access_token_authz"` and `"rfc9068_profile_authz"` put permissions into access tokens.
---@field token_dialect? "access_token"|"access_token_authz"|"rfc9068_profile"|"rfc9068_profile_authz"
--- Seconds.
---@field token_lifetime? integer
---@field allow_offline_access? boolean
---@field skip_consent_for_verifiable_first_party_clients? boolean
---@field signing_alg? string

---@class auth0perm.ResourceServer: auth0perm.ResourceServerFields
---@field id string
--- The audience.
---@field identifier string
---@field is_system? boolean
--- Seconds.
---@field token_lifetime_for_web? integer

--- Returns a list of all operations, for tools: to request the right scopes, for example, or to make a command of each.
---@return auth0perm.Operation[] operations  a new table each time
function auth0perm.operations() end

---@class auth0perm.Permission
--- The API's identifier (audience): 1 to 600 characters of UTF-8. Not its id, which has 24 digits.
---@field resource_server_identifier string
--- 1 to 280 characters of UTF-8.
---@field permission_name string

--- A list of permissions, or the permission names of each API: `{ ["https://api.example.com/"] = { "read:reports" } }`.
--- At least one, and at most 1 MB as JSON. Duplicates are sent once. Other members of a permission are ignored, so you
--- can hand back a list that `list_user_permissions` returned; but see doc/permissions.md about those that only a role
--- grants.
---@alias auth0perm.Permissions auth0perm.Permission[]|table<string, string[]>

--- The options of every call, as its last argument.
---@class auth0perm.CallOptions
--- Seconds for this call, instead of the client's.
---@field timeout? number
--- Sent as `X-Correlation-ID`, which Auth0 logs with the change. 1 to 128 printable ASCII characters without spaces;
--- tenants in the public cloud keep the first 64.
---@field correlation_id? string

---@class auth0perm.ListOptions: auth0perm.CallOptions
--- How many items to ask for at a time, 1 to 100. Default 100. A tenant may send fewer; the list is complete all the
--- same.
---@field per_page? integer

---@class auth0perm.RoleListOptions: auth0perm.ListOptions
--- Only roles with this text anywhere in their name. Case is ignored.
---@field name_filter? string

---@class auth0perm.UserOptions: auth0perm.CallOptions
--- Names of members, separated by commas: return only these, or all but these.
---@field fields? string
--- Whether `fields` names the members to return (the default) or those to leave out.
---@field include_fields? boolean

---@class auth0perm.ResourceServerOptions: auth0perm.CallOptions
--- Passed on to Auth0.
---@field include_fields? boolean

---@class auth0perm.ResourceServerListOptions: auth0perm.ListOptions
--- Only the APIs with these identifiers, 1 to 10.
---@field identifiers? string[]
--- Passed on to Auth0.
---@field include_fields? boolean

--- What went wrong. `tostring(err)` is one line for people. No member ever contains a secret.
---@class auth0perm.Error
--- `invalid` (a value that the API could never accept; nothing was sent), `token` (no access token, or the tenant
--- rejects it: 401, or 400 if it is not a JWT), `api` (any other error status), `limit` (429), `timeout`, `transport`
--- (no connection, or it broke), `protocol` (a response that the API does not send), `memory`, `canceled`, `closed`.
---@field kind "invalid"|"token"|"api"|"limit"|"timeout"|"transport"|"protocol"|"memory"|"canceled"|"closed"
--- The operation's name, or `"new"`, `"start"`, `"prepare"`, `"step"`.
---@field operation string
--- The HTTP status, if there was a response.
---@field status? integer
--- Auth0's `errorCode`, if the response has one.
---@field code? string
--- For people: the tenant's own message, if it sent one.
---@field message string
--- Requests sent; for a list, for the page that failed.
---@field attempts integer
--- Seconds to wait before the next attempt, if the tenant said so (RFC 9110, section 10.2.3).
---@field retry_after? number
--- Whether a change may have reached the tenant all the same.
---@field maybe_applied boolean
--- If the token endpoint said so, how many tokens the application may still fetch: for `per_hour` and `per_day`, the
--- tokens allowed (`quota`) and left (`remaining`), and the seconds until the count starts again (`reset`).
---@field quota? table<"per_hour"|"per_day", { quota: integer, remaining: integer, reset: integer }>

return auth0perm
