#include <samcl/samcl.h>

#include <stdio.h>

int main(void)
{
    return puts(scl_version()) < 0;
}
