/* test_registry.c — how a device is named. */
#include "opencl/opencl.h"
#include "registry.h"
#include "support.h"

#include <pthread.h>

static void skip_without_devices(void)
{
    static scl_device_info info;
    if (scl_devices_list(&info, 1) == 0)
        skip();
}

static void devices_have_names(void **state)
{
    (void)state;
    static scl_device_info infos[16];
    size_t count = scl_devices_list(infos, 16);
    if (count == 0)
        skip();
    char specs[4][256];
    snprintf(specs[0], sizeof specs[0], "auto");
    snprintf(specs[1], sizeof specs[1], "opencl:0");
    snprintf(specs[2], sizeof specs[2], "opencl:%.100s", infos[0].name);
    snprintf(specs[3], sizeof specs[3], "opencl:\"%.100s\"", infos[0].name + 1);
    for (int i = 0; i < 4; i++) {
        scl_device *device = NULL;
        assert_ok(scl_device_open(specs[i], &device, &test_error));
        assert_non_null(device);
        scl_device_close(device);
    }
}

static void what_is_not_there_is_answered_with_what_is(void **state)
{
    (void)state;
    static const char *const absent[] = {"opencl:999", "opencl:no such device"};
    scl_device *device = NULL;
    for (int i = 0; i < 2; i++) {
        scl_error err = {0};
        assert_fails(scl_device_open(absent[i], &device, &err), SCL_DEVICE, err, absent[i]);
        assert_null(device);
    }
}

static void other_forms_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "cuda", "opencl:", "gpu:0", "Auto", "auto+width5"};
    scl_device *device = NULL;
    for (int i = 0; i < 6; i++) {
        scl_error err = {0};
        assert_fails(scl_device_open(wrong[i], &device, &err), SCL_BAD_CONFIG, err,
                     "expected auto");
    }
}

/* Each rounds in its own way, so none may take another one's cached values. */
static void variants_are_told_apart(void **state)
{
    (void)state;
    static const char *const variants[] = {"+generic", "+clblast", "+width4",
                                           "+width8",  "+width16", "+width16+shallow"};
    static scl_device_info info;
    scl_hash128 codes[6];
    if (scl_devices_list(&info, 1) == 0 || !info.is_cpu)
        skip();
    for (int i = 0; i < 6; i++) {
        char spec[64];
        scl_device *device = NULL;
        snprintf(spec, sizeof spec, "opencl:0%s", variants[i]);
        assert_ok(scl_device_open(spec, &device, &test_error));
        codes[i] = device->info.code;
        scl_device_close(device);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(&codes[i], &codes[k], sizeof codes[i]);
    }
}

static void lack_of_memory_is_told_with_a_way_out(void **state)
{
    (void)state;
    scl_device *device = NULL;
    scl_buffer *buffer = NULL;
    scl_error err = {0};
    skip_without_devices();
    assert_ok(scl_device_open("opencl:0", &device, &test_error));
    assert_fails(device->backend->buffer_create(device, (size_t)3 << 49, &buffer, &err), SCL_DEVICE,
                 err, "1536.0 TiB for a buffer on ");
    assert_non_null(strstr(err.text, "GiB: clCreateBuffer failed with CL_"));
    assert_non_null(strstr(err.text, "use a smaller batch_size (with a larger grad_accum_steps), "
                                     "image_size or objects_per_image"));
    scl_device_close(device);
}

static cl_program norm_of(scl_device *device)
{
    cl_program program = NULL;
    assert_ok(cl_program_get(cl_device_of(device), "norm", NULL, NULL, &program, &test_error));
    return program;
}

static void a_device_opened_twice_compiles_once(void **state)
{
    (void)state;
    skip_without_devices();
    scl_device *first = NULL, *second = NULL;
    assert_ok(scl_device_open("opencl:0", &first, &test_error));
    cl_program program = norm_of(first);
    assert_ok(scl_device_open("opencl:0", &second, &test_error));
    assert_ptr_equal(norm_of(second), program);
    scl_device_close(first);
    assert_ptr_equal(norm_of(second), program);
    scl_device_close(second);
}

/* Assertions are not for threads: the name of what failed, or NULL. */
static void *open_and_close(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) {
        scl_error err = {0};
        scl_device *device = NULL;
        cl_program program = NULL;
        cl_uint kernels = 0;
        if (scl_device_open("opencl:0", &device, &err) != SCL_OK)
            return "open";
        bool good =
            cl_program_get(cl_device_of(device), "norm", NULL, NULL, &program, &err) == SCL_OK &&
            clCreateKernelsInProgram(program, 0, NULL, &kernels) == CL_SUCCESS && kernels > 0;
        scl_device_close(device);
        if (!good)
            return "program";
    }
    return NULL;
}

static void threads_open_and_close_one_device(void **state)
{
    (void)state;
    skip_without_devices();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        if (failed != NULL)
            fail_msg("a thread failed: %s", (const char *)failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_have_names),
        cmocka_unit_test(what_is_not_there_is_answered_with_what_is),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(variants_are_told_apart),
        cmocka_unit_test(lack_of_memory_is_told_with_a_way_out),
        cmocka_unit_test(a_device_opened_twice_compiles_once),
        cmocka_unit_test(threads_open_and_close_one_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
