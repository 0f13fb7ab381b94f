text of src / x.c
