<?php
echo getenv("BLOG");
