// The one translation unit that holds Beast's non-template code (BOOST_BEAST_SEPARATE_COMPILATION everywhere
// else). Asio's is in eventstore/asio_impl.cpp.
#include <boost/beast/src.hpp>
