package localstack

// locale orders text by code points in every release of every system, so that no index depends on the C library's mood.
const locale = "C.UTF-8"
