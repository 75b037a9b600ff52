---@meta auth0perm
-- Written by `make reference` from the comments in the sources; do not edit.

--- The module: `local auth0perm = require "auth0perm"`.
---@class auth0perm
--- Its name and version.
---@field _VERSION string
local auth0perm = {}

--- What calls to one tenant share: connections, token, rate limit. The operations are its methods.
---@class auth0perm.Client: auth0perm.Operations
local Client = {}

--- The operations of the Management API, which every client has.
---@class auth0perm.Operations
local Operations = {}

--- Makes a client for one tenant. It connects when it is first used, and keeps its connections.
--- Raises for wrong types and unknown options; returns an error of kind `invalid` for values that cannot be right.
---@param options auth0perm.Options
---@param host? auth0perm.Host  only for drivers written in Lua
---@return auth0perm.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function auth0perm.new(options, host) end

--- Goes through a list without ever holding more than one page of it:
--- `for permission in client:each("list_user_permissions", user_id) do ... end`. The next page is fetched, blocking, when
--- the last item of the one before is used up; leaving the loop early costs nothing more.
---
--- The generic `for` has no place for `nil, err`. So what the method would have returned as an error is raised, as the
--- same error object, here or in the loop; `pcall` catches it. `timeout` bounds each page by itself, and not what the
--- loop does between them. A list that changes meanwhile may show some of the change.
---@param operation string  a method that returns a list, such as `"list_user_permissions"`
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil behind the last
function Client:each(operation, ...) end

--- Starts an operation without waiting for it. `step` moves it on; its deadline runs from now on.
---@param operation string  a method's name, such as `"remove_user_permissions"`
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`, where the method would have refused
function Client:start(operation, ...) end

--- Makes a call for a driver of your own, one that has HTTP of its own: see `Call:next`. Its deadline runs from the first `next`.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.Call? call
---@return auth0perm.Error? err  of kind `invalid`, `closed` or `memory`
function Client:prepare(operation, ...) end

--- Moves all started calls on, after waiting at most `seconds` for something to happen.
---@param seconds? number  default 0: does not wait
---@return integer? in_flight  calls that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end

--- A descriptor that is readable when `step` would find something to do: an event loop can wait for it. It is the client's own:
--- neither read from it nor close it. It stays the same until the client is closed (or the process forks).
---
--- `pollfd`, `events` and `timeout` are cqueues' protocol; `cqueues.poll(client)` waits for a client.
---@return integer? descriptor  of an epoll or kqueue; nil where the system has neither, and where the client is closed
function Client:pollfd() end

--- What to wait for on the descriptor: that it can be read.
---@return "r" events
function Client:events() end

--- When to call `step` even if the descriptor has nothing to read. Each `start`, `step` and `cancel` may change it.
---@return number? seconds  0: at once; nil: there is nothing to do until the next `start`
function Client:timeout() end

--- Ends all calls in flight with an error of kind `closed`, closes the connections and wipes the token. May be called again.
function Client:close() end

---@class auth0perm.Options
--- The tenant's domain (or its custom domain), such as `"acme.eu.auth0.com"`: `host` or `host:port`, never a URL.
---@field domain string
--- An access token for the Management API (audience `https://{tenant}/api/v2/`), or a function that returns one and, if that
--- is known, the seconds until it expires; or nil and why there is none. It is called when a token is needed, from the method
--- or step that needs it, and must not yield. Without a token and without `client_id`, calls of `start` and of the methods fail
--- with kind `token`, and calls of `prepare` ask to authorize.
---@field token? string|fun(): string?, number|string|nil
--- The id of a machine-to-machine application; tokens are then fetched, kept and renewed. With `client_secret` or `private_key`.
---@field client_id? string
---@field client_secret? string
--- An unencrypted RSA key of 2048 bits or more as PEM, for `private_key_jwt` (RFC 7523).
---@field private_key? string
--- What to sign with it: `"RS256"` (default), `"RS384"` or `"PS256"`.
---@field signing_algorithm? "RS256"|"RS384"|"PS256"
--- What the token is for. Default `https://{domain}/api/v2/`; on a custom domain it is still the tenant's own domain.
---@field audience? string
--- A PEM file with the certificates to trust, for a private CA. Default: the system's.
---@field ca_file? string
--- A proxy, as `"http://host:port"`, also for tokens; `"env"` takes what the environment says (`https_proxy`, `no_proxy`).
--- Default: none.
---@field proxy? string
--- Where to connect instead of the domain's own address, as `"host:port"`; name and certificate stay those of the domain.
---@field connect_to? string
--- Connections at once, and kept. Default 16.
---@field max_connections? integer
--- Many requests at once on one connection. Default false.
---@field http2? boolean
--- Seconds for a whole call: waits and all pages of a list. Default 60.
---@field timeout? number
--- Seconds for a connection: name, address, TLS handshake. Default 10.
---@field connect_timeout? number
--- Seconds for one request and its answer, the body included. Default 30.
---@field request_timeout? number
--- How often a request is sent again after a failure that may pass: no connection, a reset, a time limit, 408, 5xx. Default 4.
---@field max_retries? integer
--- Requests per second at the most, beside what the tenant's rate limit allows. Default: no such bound.
---@field max_rate? number
--- The share of the tenant's rate-limit bucket that is left to other applications. Default 0.2.
---@field reserve? number
--- Who performs the requests: `"curl"` (default), or `"none"` for a host that does it itself. Such a client has no libcurl, its
--- methods and `each` return what `prepare` would, a call for your own driver; `start` and `step` raise.
---@field driver? "curl"|"none"
--- With `driver = "none"` and `client_id`: calls ask for a token that was fetched elsewhere, by another worker, before they
--- fetch one; see `Call:next`. Default false.
---@field share_tokens? boolean

--- What a driver written in Lua tells `new` of itself, so that messages speak of what its user called and gave.
---@class auth0perm.Host
--- Where its user's code stands on the stack, seen from a function of this module: 2 where a function of the driver, which
--- the user calls, calls that directly (no tail call). Default 1.
---@field level? integer
--- The name of its function that calls `prepare`. Default `"prepare"`.
---@field prepare? string
--- The name of its option that stands behind `share_tokens`. Default `"share_tokens"`.
---@field share_tokens? string
--- The names of all options that it has, for the message about one that it does not have. Default: those of this module.
---@field options? string[]

---@class auth0perm.Option
--- The option of `auth0perm.new`.
---@field name string
---@field type "string"|"string or function"|"number"|"integer"|"boolean"|"function"
--- Absent where there is none.
---@field default? string|number|boolean
--- Of a number, where it has one, such as `"seconds"`.
---@field unit? string
--- Which drivers obey it: the one that is built in, `"none"` for one of your own, and the one for nginx.
---@field drivers ("curl"|"none"|"openresty")[]
---@field meaning string

--- Lists the options of `new`, for tools. `auth0perm.openresty` has its own `options`.
---@return auth0perm.Option[] options  a new table each time
function auth0perm.options() end

--- Removes permissions that are assigned directly to a user. What a role grants stays. Removing a permission that
--- the user does not hold, or that does not exist, succeeds silently: the API does not tell.
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
---@return auth0perm.Error? err  of any kind; `api` with status 404 where a permission does not exist
function Operations:assign_user_permissions(user_id, permissions, options) end

--- Lists all permissions of a user, page after page: those assigned directly and those that roles give.
--- `GET /api/v2/users/{user_id}/permissions`, scope `read:users` (OpenAPI, `get_permissions`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param options? auth0perm.ListOptions
---@return auth0perm.UserPermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_user_permissions(user_id, options) end

--- Lists what a user may do at one API in the end: assigned directly, or given by roles and groups. New in 2026; a
--- tenant that does not have it yet answers 404.
--- `GET /api/v2/users/{user_id}/effective-permissions`, scope `read:user_effective_permissions` (OpenAPI,
--- `get_user_effective_permissions`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param resource_server_identifier string  the API's identifier, its audience
---@param options? auth0perm.ListOptions
---@return auth0perm.EffectivePermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_effective_user_permissions(user_id, resource_server_identifier, options) end

--- Lists all roles of a user, in the tenant as a whole (those of organizations are others).
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
---@param roles string[]  ids of roles: at least one; duplicates are sent once
---@param options? auth0perm.CallOptions
---@return true? assigned
---@return auth0perm.Error? err  of any kind
function Operations:assign_user_roles(user_id, roles, options) end

--- Removes roles from a user, and with them what they permit.
--- `DELETE /api/v2/users/{user_id}/roles`, scopes `update:users` and `delete:role_members` (OpenAPI,
--- `delete_user_roles`).
---@param user_id string  such as `"auth0|5f7c8ec7c33c6c004bbafe82"`
---@param roles string[]  ids of roles: at least one; duplicates are sent once
---@param options? auth0perm.CallOptions
---@return true? removed
---@return auth0perm.Error? err  of any kind
function Operations:remove_user_roles(user_id, roles, options) end

--- Lists all permissions that a role gives.
--- `GET /api/v2/roles/{role_id}/permissions`, scope `read:roles` (OpenAPI, `get_role_permission`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.ListOptions
---@return auth0perm.RolePermission[]? permissions
---@return auth0perm.Error? err  of any kind
function Operations:list_role_permissions(role_id, options) end

--- Adds permissions to a role. Adding what the role already gives succeeds.
--- `POST /api/v2/roles/{role_id}/permissions`, scope `update:roles` (OpenAPI, `post_role_permission_assignment`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param permissions auth0perm.Permissions
---@param options? auth0perm.CallOptions
---@return true? added
---@return auth0perm.Error? err  of any kind; `api` with status 404 where a permission, or the role, does not exist
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

--- Lists all users that have a role, however many they are.
--- `GET /api/v2/roles/{role_id}/users`, scopes `read:users` and `read:roles` (OpenAPI, `get_role_user`; it names
--- `read:role_members` too).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param options? auth0perm.ListOptions
---@return auth0perm.RoleUser[]? users
---@return auth0perm.Error? err  of any kind
function Operations:list_role_users(role_id, options) end

--- Assigns a role to users. There is no counterpart: `remove_user_roles` takes it from one user at a time.
--- `POST /api/v2/roles/{role_id}/users`, scopes `update:roles` and `create:role_members`
--- (OpenAPI, `post_role_users`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param users string[]  ids of users: at least one; duplicates are sent once
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
---@param fields auth0perm.RoleFields  the API wants a name
---@param options? auth0perm.CallOptions
---@return auth0perm.Role? role  with its new id
---@return auth0perm.Error? err  of any kind; `api` with status 409 where the name is taken
function Operations:create_role(fields, options) end

--- Changes a role's name or description.
--- `PATCH /api/v2/roles/{role_id}`, scope `update:roles` (OpenAPI, `patch_roles_by_id`).
---@param role_id string  such as `"rol_n1z6LFTpIHVtfM8R"`
---@param fields auth0perm.RoleFields  those that are to change
---@param options? auth0perm.CallOptions
---@return auth0perm.Role? role  as it is now
---@return auth0perm.Error? err  of any kind
function Operations:update_role(role_id, fields, options) end

--- Deletes a role. Users that had it lose what it gave. There is no way back.
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

--- Lists the users that have an e-mail address. Auth0 compares it case-sensitively; its own databases store
--- addresses in lower case.
--- `GET /api/v2/users-by-email`, scope `read:users` (OpenAPI, `get_users-by-email`).
---@param email string
---@param options? auth0perm.UserOptions
---@return auth0perm.User[]? users  empty where there is none
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
---@param fields auth0perm.ResourceServerFields  those that are to change
---@param options? auth0perm.CallOptions
---@return auth0perm.ResourceServer? resource_server  as it is now
---@return auth0perm.Error? err  of any kind
function Operations:update_resource_server(resource_server, fields, options) end

--- One operation under way.
---@class auth0perm.Call
local Call = {}

--- Whether the result is there.
---@return boolean done
function Call:done() end

--- What the operation's method would have returned. Raises while the call is not done.
---@return any result  `true`, a list or an object; `nil` where the operation failed
---@return auth0perm.Error? err
function Call:result() end

--- Ends the call at once: its result is an error of kind `canceled`, whose `maybe_applied` tells whether the tenant may have
--- read a request that changes something.
---@return boolean canceled  false where the call was done already
function Call:cancel() end

--- Has a function called when the call is done, from the `step` (or blocking method, or `close`) that finds it done; at once
--- where it is done already. It may do anything but yield: start calls, cancel them, close the client. What it raises is
--- reported on the standard error stream, and stops nothing else. Several functions are called in the order in which they
--- came. Only for calls of `start`.
---@param listener fun(result: any, err: auth0perm.Error?)  gets what `result` returns
---@return auth0perm.Call call  itself
function Call:on_done(listener) end

--- What is known of the requests of this call so far, for logs and tools.
---@class auth0perm.CallInfo
--- Requests that left; for a list, for its newest page.
---@field attempts integer
--- HTTP status of the newest answer.
---@field status? integer
--- Whether the newest request left on a connection that was there already; only for calls that the client drives.
---@field reused? boolean
--- The rate limit as the newest answer told it: the bucket's size, what is left in it (requests), and when it is full (seconds
--- since 1970, by the tenant's clock).
---@field limit? integer
---@field remaining? integer
---@field reset? integer

---@return auth0perm.CallInfo info
function Call:info() end

--- What `Call:next` asks a driver to send. Certificates are to be verified, and redirects not to be followed.
---@class auth0perm.Request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string
--- Seconds for the connection.
---@field connect_timeout number
--- Seconds for the request and its answer.
---@field timeout number

--- For a driver of your own: asks what to do next. `"send", request`: perform it, then `feed` or `fail`. `"wait", seconds`:
--- ask again then, or earlier. `"authorize"`: supply a token, or `fail`. `"done"`: see `result`. Raises while a request
--- that it gave out has not come back.
---
--- Where tokens are shared (`share_tokens`), `"authorize"` asks for one that somebody else has fetched, of one call at a time:
--- answer `authorize`, or `fetch` where nobody has one and nobody fetches it, or `defer` where somebody does. After a fetch comes
--- `"share", token, expires_in`: pass the token on (there is none where the fetch failed, and no time where it is not known),
--- and ask again.
---@param now? number  seconds on a monotonic clock of your own; the same one each time. Default: the system's.
---@return "send"|"wait"|"authorize"|"share"|"done" step
---@return auth0perm.Request|number|string|nil detail
---@return number? expires_in  seconds
function Call:next(now) end

--- For a driver of your own: the answer to the request that `next` gave out. A call that was canceled meanwhile ignores it.
---@param response { status: integer, headers: table<string, string|string[]>?, body: string? }
---@param now? number  see `next`
function Call:feed(response, now) end

--- For a driver of your own: the request that `next` gave out brought no answer, or there is no token to authorize with.
--- Kinds: `connect` (no connection; nothing was sent), `tls` (the certificate is not to be trusted; nothing was sent),
--- `connect_timeout` (the same, for want of time), `timeout`, `transport` (the connection broke), `protocol` (the answer is no
--- HTTP, or too large), `token`, `canceled`, `closed` (the client is).
---@param kind "connect"|"tls"|"timeout"|"transport"|"protocol"|"token"|"canceled"|"connect_timeout"|"closed"
---@param message? string  for people, without secrets
---@param now? number  see `next`
function Call:fail(kind, message, now) end

--- For a driver of your own: supplies an access token, for this call and all others of its client. A token that no header
--- can hold ends the call with an error of kind `token`.
---@param token string
---@param expires_in? number  seconds; default: it is not known to expire
---@param now? number  see `next`
---@return boolean taken  false, only where tokens are shared: the client has it already, or the tenant did not take it
function Call:authorize(token, expires_in, now) end

--- For a driver of your own where tokens are shared: nobody else fetches one, so this call does.
function Call:fetch() end

--- For a driver of your own where tokens are shared: somebody else fetches one. The client asks again in so many seconds, and
--- goes on meanwhile with the token that it has.
---@param seconds number  more than 0
---@param now? number  see `next`
function Call:defer(seconds, now) end

--- For a driver of your own: goes on with the next page of a list. A call that `each` of a client without a driver returned is
--- done after each page, and its result is that page.
---@return boolean more  false: that page was the last, or the call failed
function Call:resume() end

--- For a driver inside nginx, through LuaJIT's FFI: ties the call to a request. What nginx calls when the request ends cancels
--- the call, so that nothing waits for one that nobody drives any more. Without an address, unties it.
---@param address? number  of a null pointer that lasts as long as the request. A wrong address is fatal.
---@return lightuserdata|boolean handler  `void (*)(void *)`, to be called with that pointer when the request ends;
--- without an address: whether the call was tied
function Call:leash(address) end

---@class auth0perm.Operation
--- The method of the client.
---@field name string
--- HTTP.
---@field method "GET"|"POST"|"PATCH"|"DELETE"
--- With the name of each argument that is part of it in braces: `/api/v2/users/{user_id}/permissions`.
---@field path string
--- What the access token must hold; where it is several, with spaces between.
---@field scope string
--- The names of the arguments, in order; options come behind them.
---@field arguments string[]
--- The names of the options that its calls have.
---@field options string[]
---@field returns "true"|"list"|"object"
--- Whether it changes something at the tenant.
---@field writes boolean

---@class auth0perm.RolePermission: auth0perm.Permission
---@field description? string
---@field resource_server_name string

---@class auth0perm.UserPermission: auth0perm.RolePermission
--- How the user holds it: `source_type` is `"DIRECT"`, or `"ROLE"` with the role's id and name.
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

--- As far as it is always the same; there are more members, and connections add their own.
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

--- What can be changed of an API; the API knows more, and refuses what it does not know. `cjson.null` unsets what can be
--- unset.
---@class auth0perm.ResourceServerFields
---@field name? string
--- All permissions that there are; those that are left out are lost to everyone.
---@field scopes? auth0perm.Scope[]
--- Whether RBAC is on: without it permissions are not looked at.
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

--- Lists the operations that there are, for tools: to ask for the right scopes, say, or to make a command of each.
---@return auth0perm.Operation[] operations  a new table each time
function auth0perm.operations() end

---@class auth0perm.Permission
--- The API's identifier, its audience: 1 to 600 characters of UTF-8. Not the 24 digits of its id.
---@field resource_server_identifier string
--- 1 to 280 characters of UTF-8.
---@field permission_name string

--- A list of permissions, or the permission names of each API: `{ ["https://api.example.com/"] = { "read:reports" } }`.
--- At least one; duplicates are sent once; 1 MB of JSON at most. Other members of a permission are not looked at, so that
--- what `list_user_permissions` returns can be handed on as it is.
---@alias auth0perm.Permissions auth0perm.Permission[]|table<string, string[]>

--- What every call may be given, as its last argument.
---@class auth0perm.CallOptions
--- Seconds for this call, instead of the client's.
---@field timeout? number
--- Sent as `X-Correlation-ID`: Auth0 writes it into its log beside what the call changed. 1 to 128 printable ASCII
--- characters without spaces; tenants in the public cloud keep the first 64.
---@field correlation_id? string

---@class auth0perm.ListOptions: auth0perm.CallOptions
--- Items to ask for at a time, 1 to 100. Default 100. A tenant may give fewer; the list is whole all the same.
---@field per_page? integer

---@class auth0perm.RoleListOptions: auth0perm.ListOptions
--- Only roles with this in their name, in any case of its letters.
---@field name_filter? string

---@class auth0perm.UserOptions: auth0perm.CallOptions
--- Names of members, with commas between: only these, or all but these.
---@field fields? string
--- Whether `fields` are those to include (the default) or to leave out.
---@field include_fields? boolean

---@class auth0perm.ResourceServerOptions: auth0perm.CallOptions
--- As the API has it: whether fields that are named are to be included.
---@field include_fields? boolean

---@class auth0perm.ResourceServerListOptions: auth0perm.ListOptions
--- Only the APIs with these identifiers, 1 to 10.
---@field identifiers? string[]
--- As the API has it: whether fields that are named are to be included.
---@field include_fields? boolean

--- What went wrong. `tostring(err)` is a line for people. No field ever holds a secret.
---@class auth0perm.Error
--- `invalid` (a value that the API could never accept; nothing was sent), `token` (no access token, or the tenant does not take
--- it: 401, and the 400 for what is no JWT), `api` (the tenant answered with an error status), `limit` (429), `timeout`,
--- `transport` (no connection, or it broke), `protocol` (an answer that is not what the API answers), `memory`, `canceled`,
--- `closed`.
---@field kind "invalid"|"token"|"api"|"limit"|"timeout"|"transport"|"protocol"|"memory"|"canceled"|"closed"
--- The operation's name, or `"new"`, `"start"`, `"prepare"`, `"step"`.
---@field operation string
--- The HTTP status, where there was an answer.
---@field status? integer
--- Auth0's `errorCode`, where the answer has one.
---@field code? string
--- For people; what the tenant said, where it said something.
---@field message string
--- Requests that left; for a list, for the page that failed.
---@field attempts integer
--- Seconds to wait before trying again, where the tenant said so (RFC 9110, section 10.2.3).
---@field retry_after? number
--- Whether an operation that changes something may have reached the tenant all the same.
---@field maybe_applied boolean
--- How many tokens the client may still fetch, where the token endpoint said so: `quota` and `remaining` tokens, `reset` in
--- seconds, for `per_hour` and `per_day`.
---@field quota? table<"per_hour"|"per_day", { quota: integer, remaining: integer, reset: integer }>

return auth0perm
