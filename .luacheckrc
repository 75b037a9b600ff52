std = "max"
max_line_length = 120
files["spec/*/*_spec.lua"] = { std = "+busted" }
files["spec/embed/leaves.lua"] = { std = "+busted" }
files["spec/event_loops"] = { std = "+busted" }
files["spec/pacing"] = { std = "+busted" }
files["spec/tenant/server"] = { std = "ngx_lua+luajit" }
files["spec/openresty/inside.lua"] = { std = "ngx_lua+luajit" }
files["src/auth0perm"] = { std = "ngx_lua+luajit" }
files["examples/openresty"] = { std = "ngx_lua+luajit" }
exclude_files = { "build", "node_modules", "types" }
