text of src / deep / y.c
