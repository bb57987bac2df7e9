# Every include of the files against rooms.txt, which comes first and is checked for its order.
# usage: cd SOURCE && awk -f includes.awk tests/lint/rooms.txt FILE...
function complain(text)
{
    print FILENAME ":" FNR ": " text
    bad = 1
}

function room_of(file, part)
{
    split(file, part, "/")
    if (part[1] == "core" && part[2] == "include")
        return "core/samcl"
    if (part[1] == "losses" || part[1] == "adapters" || part[1] == "docs")
        return "plugins"
    if (part[1] == "backends" && part[3] == "")
        return "backends"
    if (part[1] == "tools" && part[3] == "")
        return "tools"
    return part[1] "/" part[2]
}

# Whether the header, or the OpenCL source that it is made of, lies beside the file.
function beside(header, path, line, found)
{
    path = FILENAME
    sub(/[^\/]*$/, header, path)
    sub(/_cl\.h$/, ".cl", path)
    found = (getline line < path) >= 0
    close(path)
    return found
}

# The header itself or its room stands in the row. A header without a folder is registry.h, one of
# the tools, or a plugin's own.
function allowed(room, header, part)
{
    if (room == "plugins" && quoted && split(header, part, "/") == 1)
        return beside(header)
    if (split(header, part, "/") == 1 && quoted && header != "registry.h")
        return (room, "tools") in may
    return (room, header) in may || (part[2] != "" && (room, part[1]) in may)
}

BEGIN { FS = "[ \t]+" }

FNR == 1 { table = ++files == 1; room = room_of(FILENAME) }

table && /^[^#]/ {
    name = substr($1, 1, length($1) - 1)
    split(name, part, "/")
    above[part[2] != "" ? part[2] : name] = 1
    rooms[name] = 1
    for (i = 2; i <= NF; i++) {
        may[name, $i] = 1
        if ($i !~ /\.h$/ && !($i in above))
            complain("the room " $i " does not stand above " name)
    }
}

table { next }

FNR == 1 && !(room in rooms) { complain("the room " room " has no row in tests/lint/rooms.txt") }

/^[ \t]*#[ \t]*include/ {
    split($0, text, /["<>]/)
    header = text[2]
    quoted = /"/
    if (!allowed(room, header) && !(("c", header) in may) && \
        (room == "plugins" || !(("posix", header) in may)))
        complain(room " may not include " header " (tests/lint/rooms.txt)")
}

END { if (files < 2) bad = 1; exit bad }
