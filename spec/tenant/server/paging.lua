-- Pages of a list: by number (`page`, `per_page`, `include_totals`) and by checkpoint (`from`, `take`).

local json = require "server.json"
local problem = require "server.problem"
local settings = require "server.settings"

local paging = {}

local DEFAULT_SIZE = 50 -- entries

-- The query parameters of a list that is paged by number.
paging.QUERY = {
  per_page = { type = "integer", minimum = 1, maximum = 100, about = "Number of results per page." },
  page = { type = "integer", minimum = 0, about = "Page index of the results to return. First page is 0." },
  include_totals = { type = "boolean", about = "Return results inside an object that contains the total result count "
    .. "(true) or as a direct array of results (false, default)." },
}

-- The query parameters of a list that is paged by checkpoint.
paging.CHECKPOINT_QUERY = {
  from = { type = "string", about = "Optional Id from which to start selection." },
  take = { type = "integer", minimum = 1, maximum = 100, about = "Number of results per page. Defaults to 50." },
}

-- Some tenants send smaller pages than the client asks for.
local function page_size(wanted)
  local cap = settings.get("page_cap")
  return math.min(wanted or DEFAULT_SIZE, cap or math.huge)
end

local function slice(list, start, size)
  local page = json.array()
  for index = start + 1, math.min(start + size, #list) do
    page[#page + 1] = list[index]
  end
  return page
end

-- Returns a response with the page of `list` that `query` asks for. `name` is the key of the page beside the totals.
function paging.by_number(list, query, name)
  local size = page_size(query.per_page)
  local start = (query.page or 0) * size
  local page = slice(list, start, size)
  if not query.include_totals then
    return { status = 200, body = page }
  end
  local shape = json.shape(name, "start", "limit", "total")
  return { status = 200, body = shape { [name] = page, start = start, limit = size, total = #list } }
end

-- The same by checkpoint: `from` is the `next` of the page before; the last page has no `next`.
function paging.by_checkpoint(list, query, name)
  local start = 0
  if query.from then
    start = tonumber((ngx.decode_base64(query.from) or ""):match("^after:(%d+)$"))
    if not start then
      return problem.new(400, "Invalid 'from' parameter", "invalid_query_string")
    end
  end
  local page = slice(list, start, page_size(query.take))
  local stop = start + #page
  local shape = json.shape(name, "next")
  return {
    status = 200,
    body = shape { [name] = page, next = stop < #list and ngx.encode_base64("after:" .. stop, true) or nil },
  }
end

return paging
