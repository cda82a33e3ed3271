// Counts the allocations of the calling thread, of all libraries together.
#ifndef COUNT_ALLOCATIONS_HPP
#define COUNT_ALLOCATIONS_HPP

#include <cstddef>

/// How many there have been in this thread.
std::size_t allocations() noexcept;

#endif  // COUNT_ALLOCATIONS_HPP
