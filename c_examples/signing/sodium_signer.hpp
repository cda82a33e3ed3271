// HMAC-SHA-256 and Ed25519 with libsodium.
//
// A key is set up once; each message then costs one call. Threads: any, a key is not changed.
#ifndef SODIUM_SIGNER_HPP
#define SODIUM_SIGNER_HPP

#include "signer.hpp"

#include <sodium.h>
#include <stdexcept>

namespace signing {

inline constexpr const char* library = "libsodium";

namespace detail {

/// libsodium wants this before anything else; it may be called again.
inline void start() {
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
}

}  // namespace detail

/// HMAC-SHA-256 (RFC 2104) with one secret.
class HmacSha256 {
  public:
    explicit HmacSha256(std::string_view secret) {
        detail::start();
        crypto_auth_hmacsha256_init(&ready_, bytes(secret), secret.size());
    }
    HmacSha256(const HmacSha256&) = delete;
    HmacSha256& operator=(const HmacSha256&) = delete;
    ~HmacSha256() { sodium_memzero(&ready_, sizeof ready_); }

    std::array<std::uint8_t, 32> sign(std::string_view message) const {
        // What depends on the secret alone is copied, not done again.
        crypto_auth_hmacsha256_state state = ready_;
        crypto_auth_hmacsha256_update(&state, bytes(message), message.size());
        std::array<std::uint8_t, 32> out{};
        crypto_auth_hmacsha256_final(&state, out.data());
        return out;
    }

  private:
    crypto_auth_hmacsha256_state ready_{};
};

/// Ed25519 (RFC 8032) with one private key of 32 bytes, the seed.
class Ed25519 {
  public:
    explicit Ed25519(std::string_view seed) {
        detail::start();
        if (seed.size() != crypto_sign_ed25519_SEEDBYTES) throw std::runtime_error("not a seed");
        crypto_sign_ed25519_seed_keypair(public_.data(), private_.data(), bytes(seed));
    }
    Ed25519(const Ed25519&) = delete;
    Ed25519& operator=(const Ed25519&) = delete;
    ~Ed25519() { sodium_memzero(private_.data(), private_.size()); }

    /// What the venue gets, once, to check the signatures.
    std::array<std::uint8_t, 32> public_key() const { return public_; }
    std::array<std::uint8_t, 64> sign(std::string_view message) const {
        std::array<std::uint8_t, 64> out{};
        crypto_sign_ed25519_detached(out.data(), nullptr, bytes(message), message.size(),
                                     private_.data());
        return out;
    }

  private:
    std::array<std::uint8_t, crypto_sign_ed25519_PUBLICKEYBYTES> public_{};
    std::array<std::uint8_t, crypto_sign_ed25519_SECRETKEYBYTES> private_{};
};

/// Writes the 64 bytes of a signature in base64.
inline std::string base64(const std::array<std::uint8_t, 64>& signature) {
    char text[sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL)];
    return sodium_bin2base64(text, sizeof text, signature.data(), signature.size(),
                             sodium_base64_VARIANT_ORIGINAL);
}

}  // namespace signing

#endif  // SODIUM_SIGNER_HPP
