// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

/// Certificates for tests, made anew each time.
namespace opendext::serial_tcp {

class TestCertificate {
  public:
    struct Wish {
        std::string name = "localhost";  ///< subject, and alternative name unless it is a CA
        bool ca = false;
        long valid_from = -3600;  ///< seconds from now
        long valid_to = 3600;
    };
    /// Signed by `issuer`, or by itself.
    explicit TestCertificate(const Wish& wish, const TestCertificate* issuer = nullptr)
        : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
        X509* made = certificate_.get();
        X509_set_version(made, 2);
        static long serial = 0;
        ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(made), wish.valid_from);
        X509_gmtime_adj(X509_getm_notAfter(made), wish.valid_to);
        X509_set_pubkey(made, key_.get());
        X509_NAME* subject = X509_get_subject_name(made);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1,
                                   -1, 0);
        const X509* by = issuer != nullptr ? issuer->certificate_.get() : made;
        X509_set_issuer_name(made, X509_get_subject_name(by));
        add(wish.ca ? "basicConstraints" : "subjectAltName",
            wish.ca ? "critical,CA:TRUE" : "DNS:" + wish.name);
        X509_sign(made, issuer != nullptr ? issuer->key_.get() : key_.get(), EVP_sha256());
    }

    /// PEM files in `folder`; gives the path of the certificate, the key is beside it as .key.
    std::string write(const std::filesystem::path& folder, const std::string& name) const {
        const std::string path = folder / (name + ".pem");
        FILE* file = std::fopen(path.c_str(), "w");
        PEM_write_X509(file, certificate_.get());
        std::fclose(file);
        file = std::fopen((folder / (name + ".key")).c_str(), "w");
        PEM_write_PrivateKey(file, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(file);
        return path;
    }

  private:
    void add(const char* extension, const std::string& value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, certificate_.get(), certificate_.get(), nullptr, nullptr, 0);
        X509_EXTENSION* made = X509V3_EXT_conf(nullptr, &context, extension, value.c_str());
        X509_add_ext(certificate_.get(), made, -1);
        X509_EXTENSION_free(made);
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

}  // namespace opendext::serial_tcp
