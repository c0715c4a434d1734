#include "io/array.hpp"
