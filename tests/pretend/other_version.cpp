// A plug-in of an earlier version of the program.
extern "C" {
int fluxsbi_cuda_plugin_abi();
void* fluxsbi_cuda_plugin();
}

int fluxsbi_cuda_plugin_abi() {
  return 0;
}

void* fluxsbi_cuda_plugin() {
  return nullptr;
}
