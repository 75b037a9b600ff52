-- Reads the pages of the documentation: their fenced blocks and tables.

local support = require "spec.support"

local pages = {}

-- Returns the output of a shell command.
function pages.output_of(command)
  return (support.run(command):gsub("\n$", ""))
end

-- Returns the paths of all pages.
function pages.paths()
  local list = {}
  for path in pages.output_of("ls *.md doc/*.md examples/*/*.md spec/*.md spec/*/*.md 2>/dev/null"):gmatch "[^\n]+" do
    list[#list + 1] = path
  end
  return list
end

-- Returns the fenced blocks of a page, in order: { language, text, line }, and the lines of the text.
function pages.blocks(page)
  local blocks, block, number = {}, nil, 0
  for line in io.lines(page) do
    number = number + 1
    local language = line:match "^```(.*)$"
    if block and language then
      block.text = table.concat(block, "\n") .. "\n"
      blocks[#blocks + 1] = block
      block = nil
    elseif language then
      block = { language = language, line = number + 1 }
    elseif block then
      block[#block + 1] = line
    end
  end
  assert(not block, page .. ": unterminated block")
  return blocks
end

-- Returns the rows of the table whose first column has this title, without the title row, each as a list of cells.
function pages.rows(page, title)
  local rows, inside = {}, false
  for line in io.lines(page) do
    local cells = {}
    for cell in line:gsub("\\|", "\0"):gmatch "|%s*([^|]*)" do
      cells[#cells + 1] = cell:gsub("%z", "|"):gsub("%s+$", "")
    end
    if line:sub(1, 1) ~= "|" then
      inside = false
    elseif inside then
      rows[#rows + 1] = not line:find "^|[-|: ]+|$" and cells or nil
    else
      inside = cells[1] == title
    end
  end
  assert(#rows > 0, ("%s: no table with a column %q"):format(page, title))
  return rows
end

-- Returns the words between backticks in a text, in order.
function pages.quoted(text)
  local words = {}
  for word in text:gmatch "`([^`]+)`" do words[#words + 1] = word end
  return words
end

return pages
