#include "data/standardise.hpp"
