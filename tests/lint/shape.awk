# Lengths of files, functions and lines; no tabs, no spaces at the end; kernels in ASCII, as some
# drivers' compilers ask. A function is what stands between a { and a } in the first column.
# usage: LC_ALL=C awk -f shape.awk FILE...
function complain(text)
{
    print FILENAME ":" FNR ": " text
    bad = 1
}

# A kernel's arguments and indices cannot be handed on to parts of it without copying them.
function longest() { return FILENAME ~ /\.cl$/ ? 100 : 60 }

FNR == 1 { start = 0; files++ }
/^{/ { start = FNR }
/^}/ {
    if (start > 0 && FNR - start + 1 > longest())
        complain("a function of " FNR - start + 1 " lines, at most " longest())
    start = 0
}
FNR == 601 { complain("the file has more than 600 lines") }
/\t/ { complain("a tab") }
/[ \r]$/ { complain("a space at the end") }
FILENAME ~ /\.cl$/ && /[\200-\377]/ { complain("not ASCII") }
{
    line = $0
    gsub(/[\200-\277]/, "", line) # what follows the first byte of a character in UTF-8
    if (length(line) > 100)
        complain("a line of " length(line) " columns, at most 100")
}

END { if (files < 1) bad = 1; exit bad }
