// What the signers with OpenSSL and with libsodium have in common: how they see text, and
// hexadecimal digits.
#ifndef SIGNER_HPP
#define SIGNER_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace signing {

/// A text as the libraries take it: a secret, or a message.
inline const std::uint8_t* bytes(std::string_view text) noexcept {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}

/// Writes bytes as hexadecimal digits.
template <std::size_t N>
std::string hex(const std::array<std::uint8_t, N>& bytes) {
    std::string out;
    out.reserve(2 * N);
    for (const std::uint8_t byte : bytes) {
        out.push_back("0123456789abcdef"[byte >> 4]);
        out.push_back("0123456789abcdef"[byte & 15]);
    }
    return out;
}

}  // namespace signing

#endif  // SIGNER_HPP
