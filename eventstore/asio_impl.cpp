// The one translation unit that holds Asio's non-template code (BOOST_ASIO_SEPARATE_COMPILATION everywhere
// else).
#include <boost/asio/impl/src.hpp>
