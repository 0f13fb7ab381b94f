#include "base/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
        static const size_t sizes[] = { 0, 1, 7, 16, 4096, 5000, 100000, 3, 16384, 1 };
        struct arena arena = ARENA_INIT;

        for (int round = 0; round < 20; round++)
                for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                        unsigned char *data = arena_alloc(&arena, sizes[i]);

                        cr_assert_not_null(data);
                        cr_assert_eq((uintptr_t)data % _Alignof(max_align_t), 0);
                        for (size_t j = 0; j < sizes[i]; j++)
                                cr_assert_eq(data[j], 0);
                        memset(data, 0xaa, sizes[i]);
                }
        arena_done(&arena);
        cr_assert_null(arena.blocks);
}

Test(arena, refuses_sizes_that_overflow)
{
        struct arena arena = ARENA_INIT;

        cr_assert_null(arena_alloc(&arena, SIZE_MAX));
        cr_assert_null(arena_alloc(&arena, SIZE_MAX - 40));
        cr_assert_null(arena_alloc_array(&arena, SIZE_MAX / 2, 3));
        arena_done(&arena);
}

Test(arena, copies_text_and_terminates_it)
{
        struct arena arena = ARENA_INIT;

        cr_assert_str_eq(arena_strdup(&arena, "layer"), "layer");
        cr_assert_str_eq(arena_strndup(&arena, "layered", 5), "layer");
        cr_assert_str_eq(arena_strndup(&arena, NULL, 0), "");
        arena_done(&arena);
}

Test(arena, grows_arrays_and_keeps_what_they_hold)
{
        struct arena arena = ARENA_INIT;
        size_t cap = 0, count = 0;
        int *numbers = NULL;

        for (int i = 0; i < 1000; i++) {
                numbers = arena_grow(&arena, numbers, count, &cap, sizeof(*numbers));
                cr_assert_not_null(numbers);
                numbers[count++] = i;
        }
        for (int i = 0; i < 1000; i++)
                cr_assert_eq(numbers[i], i);
        arena_done(&arena);
}
