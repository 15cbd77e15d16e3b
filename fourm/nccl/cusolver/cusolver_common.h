// Declares the cuSOLVER type that LibTorch's headers name, so that cuSOLVER need not be installed.
#pragma once

typedef int cusolverStatus_t;
