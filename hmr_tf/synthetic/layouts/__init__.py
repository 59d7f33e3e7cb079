"""Layouts: each writes a dataset in its true on-disk format."""

from hmr_tf.registry import Registry

# Each entry is `write(out_dir, config: SynthesisConfig, num_workers) -> str`, a closing line.
LAYOUTS = Registry(
    "dataset layout",
    {
        "aic": "hmr_tf.synthetic.layouts.aic:write",
        "amass": "hmr_tf.synthetic.layouts.amass:write",
        "cloth3d": "hmr_tf.synthetic.layouts.cloth3d:write",
        "coco": "hmr_tf.synthetic.layouts.coco:write",
        "h36m": "hmr_tf.synthetic.layouts.h36m:write",
        "h36m_hybrik": "hmr_tf.synthetic.layouts.h36m_labels:write_hybrik",
        "h36m_mmhuman3d": "hmr_tf.synthetic.layouts.h36m:write_mmhuman3d",
        "h36m_pytorch_hmr": "hmr_tf.synthetic.layouts.h36m_labels:write_pytorch_hmr",
        "h36m_sgre": "hmr_tf.synthetic.layouts.h36m_labels:write_sgre",
        "h36m_spin": "hmr_tf.synthetic.layouts.h36m:write_spin",
        "hr_lspet": "hmr_tf.synthetic.layouts.lsp_ext:write_high_resolution",
        "human_data": "hmr_tf.synthetic.layouts.human_data:write",
        "hybrik_mpi_inf_3dhp": "hmr_tf.synthetic.layouts.hybrik:write_mpi_inf_3dhp",
        "hybrik_pw3d": "hmr_tf.synthetic.layouts.hybrik:write_pw3d",
        "lsp": "hmr_tf.synthetic.layouts.lsp:write",
        "lsp_ext": "hmr_tf.synthetic.layouts.lsp_ext:write",
        "mosh": "hmr_tf.synthetic.layouts.mosh:write",
        "mpi_inf_3dhp": "hmr_tf.synthetic.layouts.mpi_inf_3dhp:write",
        "mpii": "hmr_tf.synthetic.layouts.mpii:write",
        "muco": "hmr_tf.synthetic.layouts.muco:write",
        "mupots": "hmr_tf.synthetic.layouts.mupots:write",
        "pw3d": "hmr_tf.synthetic.layouts.pw3d:write",
        "sgre_coco": "hmr_tf.synthetic.layouts.sgre:write_coco",
        "sgre_mpii": "hmr_tf.synthetic.layouts.sgre:write_mpii",
        "sgre_pw3d": "hmr_tf.synthetic.layouts.sgre:write_pw3d",
        "spin_npz": "hmr_tf.synthetic.layouts.spin_npz:write",
        "up3d": "hmr_tf.synthetic.layouts.up3d:write",
        "upi_s1h": "hmr_tf.synthetic.layouts.upi_s1h:write",
        "voc": "hmr_tf.synthetic.layouts.voc:write",
    },
)
