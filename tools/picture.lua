-- Draws a picture as SVG: lua tools/picture.lua SOURCE >PICTURE
-- The sources in doc/pictures/ show the two notations: floors, and a sequence of messages.

local FONT = "Helvetica, Arial, sans-serif"
local TEXT, SOFT, LINE = "#2f3b47", "#5f6f7f", "#5b6b7b"
-- Fill colors of bands or notes, fill colors of boxes or actors, and the outlines of both.
local COLORS = {
  sand = { "#fbf7ec", "#f3ead0", "#d3c394" },
  blue = { "#f1f6fc", "#dbe8f7", "#a9c3df" },
  green = { "#f0f8f2", "#d5ecdb", "#9fcbab" },
  red = { "#fdf3ee", "#f8dccf", "#deb09d" },
  grey = { "#f5f5f5", "#e6e8ea", "#b9bec4" },
}

local output, height = {}, 0

local function draw(format, ...)
  output[#output + 1] = format:format(...)
end

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- Text styles.
local STYLES = {
  title = ('font-size="13" font-weight="bold" fill="%s"'):format(TEXT),
  text = ('font-size="12" fill="%s"'):format(SOFT),
  label = ('font-size="12" font-style="italic" fill="%s"'):format(SOFT),
  message = ('font-size="12" fill="%s"'):format(TEXT),
}

-- Draws a line of text that begins, is centered or ends at a point: `anchor` is "start", "middle" or "end".
local function draw_text(x, y, style, anchor, text)
  draw('<text x="%g" y="%g" %s text-anchor="%s">%s</text>', x, y, STYLES[style], anchor, escape(text))
end

local function draw_box(x, y, width, tall, fill, outline)
  draw('<rect x="%g" y="%g" width="%g" height="%g" rx="8" fill="%s" stroke="%s"/>', x, y, width, tall, fill, outline)
end

local function draw_arrow(x1, y1, x2, y2)
  draw('<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="1.3" marker-end="url(#head)"/>',
    x1, y1, x2, y2, LINE)
end

-- Wraps a text into lines of at most `width` characters.
local function wrap(text, width)
  local lines, line = {}, ""
  for word in text:gmatch "%S+" do
    if line ~= "" and #line + 1 + #word > width then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local CHARACTER, BOLD_CHARACTER = 6.6, 8.6 -- approximate widths of characters
local WIDTH, MARGIN, GAP = 960, 16, 14

-- Floors: bands from top to bottom, each with a heading and rows of boxes.
local HEADING, LEADING, PADDING, STOREY = 26, 16, 9, 44

local function measure(floors, first, last)
  local column = (WIDTH - 2 * MARGIN - (floors.columns + 1) * GAP) / floors.columns
  return MARGIN + GAP + (first - 1) * (column + GAP), (last - first + 1) * (column + GAP) - GAP
end

-- Wraps a box's title and text, and computes its height.
local function lay_out(floors, box)
  local _, width = measure(floors, box.first, box.last)
  box.titles = wrap(box.title, math.floor(width / BOLD_CHARACTER))
  box.texts = box.text and wrap(box.text, math.floor(width / CHARACTER)) or {}
  box.height = (#box.titles + #box.texts) * LEADING + 2 * PADDING
end

-- Splits a band's boxes into rows: a box that would overlap another begins the next row.
local function rows_of(floors, band)
  local rows, reached = {}, math.huge
  for _, box in ipairs(band.boxes) do
    lay_out(floors, box)
    if box.first <= reached then rows[#rows + 1] = { height = 0 } end
    local row = rows[#rows]
    row[#row + 1] = box
    row.height = math.max(row.height, box.height)
    reached = box.last
  end
  return rows
end

local function draw_band(floors, band, top)
  local x, width = measure(floors, band.first, band.last)
  local rows, tall = rows_of(floors, band), HEADING
  for _, row in ipairs(rows) do tall = tall + row.height + GAP end
  band.top, band.bottom = top, top + tall
  local fill, filled, outline = (table.unpack or unpack)(COLORS[band.color]) -- luacheck: ignore unpack
  draw_box(x - GAP, top, width + 2 * GAP, tall, fill, outline)
  draw('<text x="%g" y="%g" %s>%s<tspan dx="8" font-weight="normal" fill="%s">%s</tspan></text>',
    x, top + 18, STYLES.title, escape(band.title), SOFT, escape(band.text))
  local y = top + HEADING
  for _, row in ipairs(rows) do
    for _, box in ipairs(row) do
      local left, wide = measure(floors, box.first, box.last)
      draw_box(left, y, wide, row.height, filled, outline)
      local line = y + PADDING + (row.height - box.height) / 2 - 4
      for _, title in ipairs(box.titles) do
        line = line + LEADING
        draw_text(left + wide / 2, line, "title", "middle", title)
      end
      for _, text in ipairs(box.texts) do
        line = line + LEADING
        draw_text(left + wide / 2, line, "text", "middle", text)
      end
    end
    y = y + row.height + GAP
  end
end

local function read_floors(lines, first)
  local floors = { columns = tonumber(first:match "%d+"), bands = {}, arrows = {} }
  for _, line in ipairs(lines) do
    local kind, rest = line:match "^(%a+) (.*)$"
    if kind == "arrow" then
      local column, from, to, text = rest:match "^(%d) (%d) (%d): (.*)$"
      table.insert(floors.arrows, { column = tonumber(column), from = tonumber(from), to = tonumber(to), text = text })
    else
      local left, right, color, title, text = rest:match "^(%d)-(%d) ?(%a*): (.-): (.*)$"
      local item = { first = tonumber(left), last = tonumber(right), color = color, title = title, text = text }
      if kind == "band" then
        item.boxes = {}
        table.insert(floors.bands, item)
      else
        table.insert(floors.bands[#floors.bands].boxes, item)
      end
    end
  end
  return floors
end

local function draw_floors(floors)
  height = MARGIN
  for _, band in ipairs(floors.bands) do
    draw_band(floors, band, height)
    height = band.bottom + STOREY
  end
  height = height - STOREY + MARGIN
  for _, arrow in ipairs(floors.arrows) do
    local x, width = measure(floors, arrow.column, arrow.column)
    local from, to = floors.bands[arrow.from].bottom, floors.bands[arrow.to].top
    x = x + width / 4
    draw_arrow(x, from, x, to - 2)
    draw_text(x + 8, (arrow.to - arrow.from > 1 and to - STOREY or from) + 26, "label", "start", arrow.text)
  end
end

-- A sequence: actors side by side, and the messages between them from top to bottom.
local ACTOR_WIDTH, ACTOR_HEIGHT, STEP, NOTE_HEIGHT = 170, 48, 34, 28

local function read_sequence(lines)
  local sequence = { actors = {}, events = {} }
  for _, line in ipairs(lines) do
    local name, color, title, text = line:match "^actor (%a+) (%a+): (.-): (.*)$"
    if name then
      sequence.actors[#sequence.actors + 1] = { name = name, color = color, title = title, text = text }
      sequence.actors[name] = sequence.actors[#sequence.actors]
    else
      local from, to, message = line:match "^(%a+) > (%a+): (.*)$"
      local who, note = line:match "^(%a+) note: (.*)$"
      table.insert(sequence.events, { from = from, to = to, message = message, who = who, note = note })
    end
  end
  return sequence
end

local function draw_lifelines(sequence, bottom)
  local span = (WIDTH - 2 * MARGIN - ACTOR_WIDTH) / (#sequence.actors - 1)
  for i, actor in ipairs(sequence.actors) do
    local color = COLORS[actor.color]
    actor.x = MARGIN + ACTOR_WIDTH / 2 + (i - 1) * span
    draw('<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="1.5" stroke-dasharray="4 4"/>',
      actor.x, MARGIN + ACTOR_HEIGHT, actor.x, bottom, color[3])
    draw_box(actor.x - ACTOR_WIDTH / 2, MARGIN, ACTOR_WIDTH, ACTOR_HEIGHT, color[2], color[3])
    draw_text(actor.x, MARGIN + 21, "title", "middle", actor.title)
    draw_text(actor.x, MARGIN + 38, "text", "middle", actor.text)
  end
end

local function draw_event(sequence, event, y)
  if event.note then
    local actor, width = sequence.actors[event.who], #event.note * CHARACTER + 2 * GAP
    local color = COLORS[actor.color]
    draw_box(actor.x - width / 2, y - NOTE_HEIGHT + 8, width, NOTE_HEIGHT, color[1], color[3])
    draw_text(actor.x, y - 2, "label", "middle", event.note)
  else
    local from, to = sequence.actors[event.from].x, sequence.actors[event.to].x
    draw_arrow(from, y, to + (from < to and -2 or 2), y)
    draw_text((from + to) / 2, y - 6, "message", "middle", event.message)
  end
end

local function draw_sequence(sequence)
  height = MARGIN + ACTOR_HEIGHT + (#sequence.events + 1) * STEP + MARGIN
  draw_lifelines(sequence, height - MARGIN)
  for i, event in ipairs(sequence.events) do draw_event(sequence, event, MARGIN + ACTOR_HEIGHT + i * STEP) end
end

local function read_lines(path)
  local lines = {}
  for line in io.lines(path) do
    if line ~= "" and line:sub(1, 1) ~= "#" then lines[#lines + 1] = line end
  end
  return lines
end

local lines = read_lines(arg[1])
local first = table.remove(lines, 1)
if first == "sequence" then
  draw_sequence(read_sequence(lines))
else
  draw_floors(read_floors(lines, first))
end

print(([[<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="%s">
<!-- Drawn by `make pictures` from the text file next to this one; do not edit. -->
<defs><marker id="head" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">
<path d="M0,0 L9,4 L0,8 z" fill="%s"/></marker></defs>
<rect width="100%%" height="100%%" fill="white"/>]]):format(WIDTH, height, WIDTH, height, FONT, LINE))
print(table.concat(output, "\n"))
print "</svg>"
