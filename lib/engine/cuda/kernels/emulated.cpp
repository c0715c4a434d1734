// The kernels as host C++: one file, because each .cu file is also nvcc's.
#include "engine/cuda/kernels/attention.cu"
#include "engine/cuda/kernels/elementwise.cu"
#include "engine/cuda/kernels/norm.cu"
#include "engine/cuda/kernels/optimiser.cu"
