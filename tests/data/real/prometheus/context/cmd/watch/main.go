package main

import (
	"flag"
	"fmt"
)

var version = "unset"

func main() {
	show := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *show {
		fmt.Println(version)
	}
}
