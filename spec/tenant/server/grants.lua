-- A set of permissions: the scopes of each API that a user or role holds.

local grants = {}

function grants.new()
  return { count = 0, apis = {} }
end

function grants.has(set, identifier, name)
  local names = set.apis[identifier]
  return names ~= nil and names[name] ~= nil
end

function grants.add(set, identifier, name)
  if grants.has(set, identifier, name) then
    return
  end
  set.apis[identifier] = set.apis[identifier] or {}
  set.apis[identifier][name] = true
  set.count = set.count + 1
end

function grants.remove(set, identifier, name)
  if grants.has(set, identifier, name) then
    set.apis[identifier][name] = nil
    set.count = set.count - 1
  end
end

-- Calls visit(identifier, name) for each permission, in no particular order; visit may remove that one.
function grants.each(set, visit)
  for identifier, names in pairs(set.apis) do
    for name in pairs(names) do
      visit(identifier, name)
    end
  end
end

return grants
