// Stands in for LibTorch's header (ATen/Parallel.h in this folder says why): nothing of it is used.
#pragma once
