/* address.cl - where a buffer lies in the device's memory. */
__kernel void address_of(__global uchar *buffer, __global ulong *address)
{
    *address = (ulong)buffer;
}
